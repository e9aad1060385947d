"""A schedule that staff can edit afterwards: made once, never overwritten, removed by name.

Without a back-test a run cannot know which order of the products is the better one for this shop.
"""

from django.conf import settings
from django.db import migrations

NAME = "Judge recommendations on past days every week"
TASK = "recommendations.tasks.backtest_weekly"


def install(apps, schema_editor):
    """Add the schedule unless it is there. What has the name already is left as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    if tasks.filter(name=NAME).exists():
        return
    when = {
        "hour": "1",
        "minute": "20",
        "day_of_week": "0",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": settings.TIME_ZONE,
    }
    crontab = crontabs.filter(**when).first() or crontabs.create(**when)
    tasks.create(name=NAME, task=TASK, crontab=crontab)


def remove(apps, schema_editor):
    """Take away ours only; the time it used may serve others."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0011_turned_away")]

    operations = [migrations.RunPython(install, remove)]
