"""A schedule that staff can edit afterwards: made once, never overwritten, removed by name."""

from django.conf import settings
from django.db import migrations

NAME = "Embed new and changed customers every hour"
TASK = "analytics.tasks.embed_customers_hourly"


def install(apps, schema_editor):
    """Add the schedule unless it is there. What has the name already is left as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    if tasks.filter(name=NAME).exists():
        return
    when = {
        "hour": "*",
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
        ("analytics", "0019_embeddings"),
        ("common", "0004_schedules"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(install, remove)]
