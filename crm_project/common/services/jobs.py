"""Jobs change state by compare-and-set only: who changed the row owns the step.

``attempts`` counts the starts and is the owner's ticket: a worker writes to a running job only
while the number is still its own, so one that lost the job (cancelled, or taken over after a
silence) cannot spoil it.
"""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from crm_project.common import jobs, tracing
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import Job, User
from crm_project.common.models.job import JobQuerySet

MAX_ATTEMPTS = 5
"""Starts of one job, those that ended with the worker's death included."""

FIRST_PAUSE = timedelta(seconds=5)
"""Wait before the second start; each further one waits four times as long."""

RESEND_AFTER = timedelta(seconds=20)
"""A queued job whose message is older gets another one: messages can be lost, rows cannot."""

SWEEP_LIMIT = 100
"""Jobs woken by one sweep, so that a long queue is not filled with copies."""

logger = structlog.get_logger(__name__)


def create_job(
    *, kind: str, params: dict[str, Any], user: User | None = None, request_id: str = ""
) -> Job:
    """Write down work to be done; call a worker afterwards with ``tasks.enqueue``.

    Raises ``CrmError`` for a kind that nobody handles.
    """
    jobs.find(kind)
    job = Job.objects.create(
        kind=kind,
        params=params,
        created_by=user,
        request_id=request_id or tracing.request_id(),
    )
    job.refresh_from_db()
    return job


def retry_job(*, job_id: uuid.UUID | str) -> Job:
    """Put a failed or cancelled job back into the queue, with all its attempts.

    Raises ``ConflictError`` if it is not over or has succeeded.
    """
    changed = _one(job_id).filter(status__in=[Job.Status.FAILED, Job.Status.CANCELLED])
    if not changed.update(
        status=Job.Status.QUEUED,
        attempts=0,
        error="",
        result=None,
        message="",
        progress_done=0,
        progress_total=None,
        run_after=Now(),
        enqueued_at=None,
        started_at=None,
        finished_at=None,
    ):
        raise ConflictError("Only a failed or cancelled job can be started again.")
    return Job.objects.get(pk=job_id)


def cancel_job(*, job_id: uuid.UUID | str) -> Job:
    """Cancel a job. A running one stops within seconds and what it did is rolled back.

    Raises ``ConflictError`` if it is over already.
    """
    changed = _one(job_id).unfinished()
    if not changed.update(status=Job.Status.CANCELLED, finished_at=Now(), message="Cancelled."):
        raise ConflictError("The job is already over.")
    return Job.objects.get(pk=job_id)


def claim_job(*, job_id: uuid.UUID | str) -> Job | None:
    """Take a job that waits, or one whose worker fell silent. None: it is not to be had."""
    ready = Q(status=Job.Status.QUEUED, run_after__lte=Now())
    claimed = _one(job_id).filter(ready | _silent(), attempts__lt=MAX_ATTEMPTS)
    if not claimed.update(
        status=Job.Status.RUNNING,
        attempts=F("attempts") + 1,
        started_at=Now(),
        heartbeat_at=Now(),
        error="",
        message="",
        progress_done=0,
        progress_total=None,
    ):
        return None
    return Job.objects.get(pk=job_id)


def write_progress(*, job: Job, done: int, total: int | None, message: str) -> bool:
    """Write progress and heartbeat of a running job. False: the job is no longer ours."""
    if total is not None:
        # The last batch may go over an estimate; the row keeps done <= total.
        total = max(done, total)
    return bool(
        _owned(job).update(
            progress_done=done,
            progress_total=total,
            message=message[:300],
            heartbeat_at=Now(),
        )
    )


def succeed(*, job: Job, result: dict[str, Any] | None) -> bool:
    """Note that the work is done, all of it. False: the job is no longer ours."""
    done = {"progress_done": Coalesce("progress_total", "progress_done"), "message": ""}
    try:
        return _finish(job, Job.Status.SUCCEEDED, result=result, **done)
    except (DataError, TypeError):
        logger.exception("job_result_not_storable", job=str(job.pk), kind=job.kind)
        return _finish(job, Job.Status.SUCCEEDED, result=None, **done)


def fail(*, job: Job, error: str) -> bool:
    """Note in words why the work failed for good. False: the job is no longer ours."""
    return _finish(job, Job.Status.FAILED, error=error)


def put_back(*, job: Job, reason: str) -> bool:
    """After a fault that may pass: back into the queue with a growing pause, or fail.

    True when it will be tried again.
    """
    if job.attempts >= MAX_ATTEMPTS:
        fail(job=job, error=f"{reason} It was tried {job.attempts} times.")
        return False
    pause = FIRST_PAUSE * 4 ** (job.attempts - 1)
    return bool(
        _owned(job).update(
            status=Job.Status.QUEUED,
            run_after=timezone.now() + pause,
            enqueued_at=None,
            error=reason,
            message="Waiting to be tried again.",
        )
    )


def due_jobs() -> list[uuid.UUID]:
    """Return the jobs that need a message now, oldest first, and note that they get it.

    Those are queued jobs that nobody was called for, or too long ago, and running jobs whose
    worker fell silent. A job that killed its worker too often fails here, in words.
    """
    _silent_jobs().filter(attempts__gte=MAX_ATTEMPTS).update(
        status=Job.Status.FAILED,
        finished_at=Now(),
        error=(
            f"The process that worked on this was killed {MAX_ATTEMPTS} times, perhaps because "
            "it needed more memory than there is."
        ),
    )
    old = timezone.now() - RESEND_AFTER
    never_called = Q(enqueued_at__isnull=True, created_at__lt=timezone.now() - FIRST_PAUSE)
    called = Q(enqueued_at__lt=old)
    # A pause after a failure clears `enqueued_at` of a job that is not new.
    queued = Q(status=Job.Status.QUEUED, run_after__lte=Now()) & (never_called | called)
    due = Job.objects.filter(queued | _silent()).order_by("created_at")
    found = list(due.values_list("pk", flat=True)[:SWEEP_LIMIT])
    mark_enqueued(job_ids=found)
    return found


def mark_enqueued(*, job_ids: list[uuid.UUID]) -> None:
    """Note that workers are called for these jobs now."""
    Job.objects.filter(pk__in=job_ids).update(enqueued_at=Now())


def in_words(*, error: Exception, job: Job) -> str:
    """Say what went wrong: our own errors as they are, others without their insides."""
    if isinstance(error, CrmError):
        return str(error)
    return (
        f"Something unexpected went wrong ({type(error).__name__}). "
        f"The log has the details under {job.request_id or job.pk}."
    )


def _finish(job: Job, status: Job.Status, **values: Any) -> bool:
    owned = _owned(job)
    return bool(owned.update(status=status, finished_at=Now(), heartbeat_at=Now(), **values))


def _one(job_id: uuid.UUID | str) -> JobQuerySet:
    return Job.objects.filter(pk=job_id)


def _owned(job: Job) -> JobQuerySet:
    return Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, attempts=job.attempts)


def _silent() -> Q:
    limit = timezone.now() - timedelta(seconds=settings.CRM_JOB_SILENT_SECONDS)
    return Q(status=Job.Status.RUNNING, heartbeat_at__lt=limit)


def _silent_jobs() -> JobQuerySet:
    return Job.objects.filter(_silent())
