"""The nightly backup and the drill after it, as schedules that staff can edit afterwards."""

from django.conf import settings
from django.db import migrations

BACKUP, DRILL = "Back up every night", "Restore the newest backup every night, as a drill"

# name → (task, hour, minute), in the business's time zone
CRONTABS = {
    BACKUP: ("crm_project.common.tasks.backup_nightly", "2", "0"),
    DRILL: ("crm_project.common.tasks.drill_nightly", "3", "30"),
}


def install(apps, schema_editor):
    """Add the schedules that are not there. What has the name already is left as it is."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
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


def remove(apps, schema_editor):
    """Take away ours only; the times they used may serve others."""
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=CRONTABS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0006_backups"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(install, remove)]
