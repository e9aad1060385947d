"""Celery's way in to jobs: the row is the truth, a message only wakes a worker."""

import uuid
from functools import partial

import structlog
from celery import shared_task
from django.conf import settings
from django.db import OperationalError, transaction
from kombu.exceptions import OperationalError as BrokerError

from crm_project.common.backup_jobs import BACKUP, DRILL
from crm_project.common.models import Job
from crm_project.common.services import job_runs, jobs, tidying

logger = structlog.get_logger(__name__)


def enqueue(job: Job) -> None:
    """Call a worker for this job once the current transaction has committed.

    Never fails: a queue that is down is logged, and the sweeper calls again later.
    """
    transaction.on_commit(partial(_send, [job.pk]))


def _send(job_ids: list[uuid.UUID]) -> None:
    jobs.mark_enqueued(job_ids=job_ids)
    try:
        for job_id in job_ids:
            run_job.delay(str(job_id))
    except BrokerError as error:
        logger.warning("queue_not_reachable", error=str(error), waiting=len(job_ids))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True, max_retries=5)
def run_job(job_id: str) -> None:
    """Do one job. A second message for it, early or late, does nothing."""
    job_runs.run(job_id=job_id)


@shared_task(ignore_result=True, expires=60)
def sweep_jobs() -> int:
    """Call workers for jobs whose message was lost or whose worker died; return how many."""
    waiting = jobs.due_jobs()
    _send(waiting)
    return len(waiting)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def backup_nightly() -> None:
    """Have a backup made as a job: people see its progress, and a dead worker's is made again.

    Where something else makes backups, such as a cluster, ``CRM_BACKUP_BY_BEAT`` says so.
    """
    if settings.CRM_BACKUP.by_beat:
        enqueue(jobs.create_job(kind=BACKUP, params={}))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def drill_nightly() -> None:
    """Have the newest backup restored and compared, as a job."""
    if settings.CRM_BACKUP.by_beat:
        enqueue(jobs.create_job(kind=DRILL, params={}))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=30, max_retries=5)
def tidy_nightly() -> None:
    """Remove what is past its time: files, sessions, sign-ins, stored answers, jobs."""
    tidying.tidy()
