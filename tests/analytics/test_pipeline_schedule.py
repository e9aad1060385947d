"""One nightly run takes the place of the scoring by RFM, unless staff made that their own."""

import importlib

import pytest
from celery import current_app
from django.apps import apps
from django_celery_beat.models import CrontabSchedule, PeriodicTask

first = importlib.import_module("crm_project.common.migrations.0004_schedules")
migration = importlib.import_module("analytics.migrations.0018_pipeline_schedule")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def before():
    """The schedules as they were before the migration."""
    PeriodicTask.objects.filter(name__in=[migration.OLD, migration.NEW]).delete()
    first.install(apps, None)
    return PeriodicTask.objects.get(name=migration.OLD)


def schedules():
    names = [migration.OLD, migration.NEW]
    rows = PeriodicTask.objects.filter(name__in=names).order_by("name")
    return [(row.name, row.task, row.enabled) for row in rows]


def test_the_untouched_schedule_runs_the_pipeline_from_now_on(before):
    migration.replace(apps, None)

    assert schedules() == [(migration.NEW, migration.NEW_TASK, True)]
    assert PeriodicTask.objects.get(name=migration.NEW).pk == before.pk
    current_app.loader.import_default_modules()
    assert migration.NEW_TASK in current_app.tasks


def test_back_again_everything_is_as_before():
    was = schedules()
    migration.replace(apps, None)
    migration.restore(apps, None)
    assert schedules() == was


@pytest.mark.parametrize("change", ["hour", "off", "arguments"])
def test_what_staff_changed_stays_theirs(before, change):
    if change == "hour":
        before.crontab = CrontabSchedule.objects.create(hour="5", minute="0")
    elif change == "off":
        before.enabled = False
    else:
        before.kwargs = '{"mode": "fixed"}'
    before.save()
    was = schedules()

    migration.replace(apps, None)

    assert schedules() == sorted([*was, (migration.NEW, migration.NEW_TASK, False)])
    assert "switched off" in PeriodicTask.objects.get(name=migration.NEW).description
    migration.restore(apps, None)
    assert schedules() == was


def test_a_schedule_that_staff_removed_does_not_come_back_on():
    PeriodicTask.objects.filter(name=migration.OLD).delete()
    migration.replace(apps, None)
    assert schedules() == [(migration.NEW, migration.NEW_TASK, False)]


def test_a_second_time_changes_nothing():
    migration.replace(apps, None)
    was = schedules()
    migration.replace(apps, None)
    assert schedules() == was
