"""Schedules that staff can edit afterwards: made once, never overwritten, removed by name."""

from django.conf import settings
from django.db import migrations

SCORE, COUNT, WORDS, PARTITIONS = (
    "Score customers' signals every night",
    "Count signals by day every hour",
    "Gather the words of the search every night",
    "Keep the partitions of signals every night",
)

# name → (task, hour, minute), in the business's time zone
CRONTABS = {
    SCORE: ("analytics.tasks.score_signals_nightly", "2", "10"),
    COUNT: ("analytics.tasks.count_signals", "*", "5"),
    WORDS: ("analytics.tasks.gather_search_words", "3", "10"),
    # Outside the hours of the scoring.
    PARTITIONS: ("analytics.tasks.keep_signal_partitions", "1", "10"),
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
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    tasks.filter(name__in=list(CRONTABS)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0010_signal_contract"),
        ("common", "0004_schedules"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(install, remove)]
