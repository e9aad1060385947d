"""The schedules are installed once, belong to staff afterwards, and go without taking others."""

import importlib

import pytest
from celery import current_app
from django.apps import apps
from django_celery_beat.models import IntervalSchedule, PeriodicTask

migration = importlib.import_module("crm_project.common.migrations.0004_schedules")
NAMES = {*migration.CRONTABS, migration.SWEEP}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def installed():
    """Other tests may have emptied the tables."""
    migration.install(apps, None)


def test_every_schedule_names_a_task_that_exists():
    current_app.loader.import_default_modules()
    tasks = set(PeriodicTask.objects.filter(name__in=NAMES).values_list("task", flat=True))

    assert len(tasks) == len(NAMES)
    assert tasks <= set(current_app.tasks)


def test_installing_again_leaves_what_staff_edited():
    PeriodicTask.objects.filter(name=migration.SCORE).update(enabled=False)
    before = sorted(PeriodicTask.objects.values_list("name", "enabled"))

    migration.install(apps, None)

    assert sorted(PeriodicTask.objects.values_list("name", "enabled")) == before


def test_removing_takes_only_ours():
    interval = IntervalSchedule.objects.create(every=1, period="days")
    PeriodicTask.objects.create(name="Of the staff", task="x", interval=interval)

    migration.remove(apps, None)

    assert not PeriodicTask.objects.filter(name__in=NAMES).exists()
    assert PeriodicTask.objects.filter(name="Of the staff").exists()
