"""Schedules that staff can edit afterwards: made once, never overwritten, removed by name."""

from django.conf import settings
from django.db import migrations

SCORE, THIN, DASHBOARDS, SWEEP = (
    "Score customers (RFM) every night",
    "Thin old RFM runs every night",
    "Refresh the dashboards every hour",
    "Call workers for waiting jobs",
)

# name → (task, hour, minute), in the business's time zone
CRONTABS = {
    SCORE: ("analytics.tasks.score_rfm_nightly", "2", "30"),
    THIN: ("analytics.tasks.thin_runs_nightly", "3", "30"),
    DASHBOARDS: ("analytics.tasks.refresh_dashboards", "*", "10"),
}
SWEEP_TASK = "crm_project.common.tasks.sweep_jobs"
SWEEP_SECONDS = 15


def install(apps, schema_editor):
    """Add the schedules that are not there. What has the name already is left as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for name, (task, hour, minute) in CRONTABS.items():
        if tasks.filter(name=name).exists():
            continue
        when = {
            "hour": hour,
            "minute": minute,
            "day_of_week": "*",
            "day_of_month": "*",
            "month_of_year": "*",
            "timezone": settings.TIME_ZONE,
        }
        crontab = crontabs.filter(**when).first() or crontabs.create(**when)
        tasks.create(name=name, task=task, crontab=crontab)
    if not tasks.filter(name=SWEEP).exists():
        every = {"every": SWEEP_SECONDS, "period": "seconds"}
        interval = intervals.filter(**every).first() or intervals.create(**every)
        # A sweep that could not start within a minute is not worth doing twice.
        tasks.create(name=SWEEP, task=SWEEP_TASK, interval=interval, expire_seconds=60)


def remove(apps, schema_editor):
    """Take away ours only; the times they used may serve others."""
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    tasks.filter(name__in=[*CRONTABS, SWEEP]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0003_job_wake_up"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(install, remove)]
