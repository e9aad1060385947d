"""Partitions made by several at once; and the schedule, made once, never overwritten."""

from django.conf import settings
from django.db import migrations

from crm_project.common.sql import run_sql_file

NAME = "Keep the partitions of signals every night"
TASK = "analytics.tasks.keep_signal_partitions"


def install(apps, schema_editor):
    """Add the schedule unless it is there. It runs outside the hours of the scoring."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    if tasks.filter(name=NAME).exists():
        return
    when = {
        "hour": "1",
        "minute": "10",
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
        ("analytics", "0016_signal_schedules"),
        ("common", "0004_schedules"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        run_sql_file(
            "analytics", "signal_partitions_v2.sql", reverse="signal_partitions_v2.down.sql"
        ),
        migrations.RunPython(install, remove),
    ]
