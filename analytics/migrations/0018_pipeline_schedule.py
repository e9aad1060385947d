"""One nightly run of the pipeline takes the place of the scoring by RFM alone.

The schedule is changed only where it is still as it was installed. Where staff made it their own
(another hour, switched off, removed), theirs stays, and the new one is added switched off.
"""

from django.conf import settings
from django.db import migrations

OLD, NEW = "Score customers (RFM) every night", "Score customers every night"
OLD_TASK, NEW_TASK = "analytics.tasks.score_rfm_nightly", "analytics.tasks.score_nightly"
OFF = (
    "Runs the whole scoring pipeline. It is switched off because the schedule of the scoring by "
    "RFM was changed here: to use this one, switch it on and the other one off."
)


def as_installed(task, name, path):
    """Return whether nobody has changed a schedule since it was installed."""
    crontab = task.crontab
    usual = {
        "hour": "2",
        "minute": "30",
        "day_of_week": "*",
        "day_of_month": "*",
        "month_of_year": "*",
    }
    return (
        task.name == name
        and task.task == path
        and task.enabled
        and (task.args, task.kwargs) == ("[]", "{}")
        and crontab is not None
        and all(getattr(crontab, field) == value for field, value in usual.items())
        and str(crontab.timezone) == settings.TIME_ZONE
    )


def replace(apps, schema_editor):
    """Let the untouched schedule run the pipeline; add one, switched off, beside a changed one."""
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    if tasks.filter(name=NEW).exists():
        return
    old = tasks.select_related("crontab").filter(name=OLD).first()
    if old is not None and as_installed(old, OLD, OLD_TASK):
        tasks.filter(pk=old.pk).update(name=NEW, task=NEW_TASK)
        return
    when = {
        "hour": "2",
        "minute": "30",
        "day_of_week": "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": settings.TIME_ZONE,
    }
    crontab = crontabs.filter(**when).first() or crontabs.create(**when)
    tasks.create(name=NEW, task=NEW_TASK, crontab=crontab, enabled=False, description=OFF)


def restore(apps, schema_editor):
    """Give an untouched schedule its former task; take away one that can no longer run."""
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    new = tasks.select_related("crontab").filter(name=NEW).first()
    if new is None:
        return
    if as_installed(new, NEW, NEW_TASK) and not tasks.filter(name=OLD).exists():
        tasks.filter(pk=new.pk).update(name=OLD, task=OLD_TASK)
    else:
        new.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0017_pipeline"),
        ("common", "0004_schedules"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(replace, restore)]
