"""The nightly tidying, as a schedule that staff can edit afterwards."""

from django.conf import settings
from django.db import migrations

TIDY = "Remove what is past its time every night"
TASK = "crm_project.common.tasks.tidy_nightly"
DESCRIPTION = (
    "Files of imports and exports, sessions, sign-ins and jobs, each after the days that its setting "
    "says. manage.py tidy --dry-run says what would go."
)
# In the business's time zone: after the backup and the scoring, so that the last copy has it all.
WHEN = {
    "hour": "5",
    "minute": "20",
    "day_of_week": "*",
    "day_of_month": "*",
    "month_of_year": "*",
}


def install(apps, schema_editor):
    """Add the schedule if it is not there. What has the name already is left as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    if tasks.filter(name=TIDY).exists():
        return
    when = {**WHEN, "timezone": settings.TIME_ZONE}
    crontab = crontabs.filter(**when).first() or crontabs.create(**when)
    tasks.create(name=TIDY, task=TASK, crontab=crontab, description=DESCRIPTION)


def remove(apps, schema_editor):
    """Take away ours only; its time may serve others."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=TIDY).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0009_log_drills"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(install, remove)]
