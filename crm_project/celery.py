"""The Celery application. Schedules live in the database, where staff can edit them."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    celeryd_init,
    heartbeat_sent,
    setup_logging,
    task_postrun,
    task_prerun,
)
from django.conf import settings
from django.db.backends.signals import connection_created
from structlog.contextvars import bind_contextvars, clear_contextvars

from crm_project import alive, background, embedded
from crm_project.common import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

app = Celery("crm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def log_as_the_web_does(**kwargs: Any) -> None:
    """Use the project's structured log instead of Celery's own format."""
    logging.config.dictConfig(settings.LOGGING)


@celeryd_init.connect
@beat_init.connect
def hold_embedded_services(**kwargs: Any) -> None:
    """Worker and beat hold their own share of the embedded servers, where those are in use."""
    embedded.ensure_for_process()


@celeryd_init.connect
def let_people_go_first(**kwargs: Any) -> None:
    """Where pages are served on the same machine, the night's work takes what those leave."""
    background.give_way(settings.CRM_WORKER_NICE)
    connection_created.connect(background.give_way_in_database)


@heartbeat_sent.connect
def say_that_the_worker_lives(**kwargs: Any) -> None:
    """With every heartbeat to the broker, about every two seconds."""
    alive.touch()


@before_task_publish.connect
def say_who_asked(headers: dict[str, Any], **kwargs: Any) -> None:
    """A message carries the id of the request that it is sent for."""
    if found := tracing.request_id():
        headers[tracing.HEADER] = found


@task_prerun.connect
def name_the_task_in_the_log(task_id: str, task: Any, **kwargs: Any) -> None:
    """Every line that a task logs says which task it was, and for which request."""
    clear_contextvars()
    bind_contextvars(task=task.name, task_id=task_id)
    if found := task.request.get(tracing.HEADER):
        bind_contextvars(request_id=found)


@task_postrun.connect
def forget_the_task(**kwargs: Any) -> None:
    """The next line of this process belongs to nobody until the next task starts."""
    clear_contextvars()
