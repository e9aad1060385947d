"""A schedule that staff can edit afterwards: made once, never overwritten, removed by name.

Recommendations themselves are a step of the nightly pipeline and need no schedule of their own.
"""

from django.conf import settings
from django.db import migrations

NAME = "Drop items of old recommendation runs every night"
TASK = "recommendations.tasks.thin_recommendations_nightly"


def install(apps, schema_editor):
    """Add the schedule unless it is there. What has the name already is left as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    if tasks.filter(name=NAME).exists():
        return
    when = {
        "hour": "4",
        "minute": "40",
        "day_of_week": "*",
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
    dependencies = [
        ("recommendations", "0009_contactability_v2"),
        ("common", "0004_schedules"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(install, remove)]
