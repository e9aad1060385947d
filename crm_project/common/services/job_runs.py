"""Run one job: claim it, keep its heart beating, do the work, note the outcome.

The work runs in its own transactions on the worker's connection. A second thread with its own
connection writes heartbeat and progress, so both are seen before the work commits, also while a
single statement runs for minutes. When the job was cancelled, that thread cancels the statement.
"""

import contextlib
import threading
import uuid
from types import TracebackType
from typing import Self

import psycopg
import structlog
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)

from crm_project.common import jobs
from crm_project.common.exceptions import CrmError
from crm_project.common.models import Job
from crm_project.common.services import jobs as states

PROGRESS_SECONDS = 0.5
"""New progress is written no more often than this."""

logger = structlog.get_logger(__name__)


def run(*, job_id: uuid.UUID | str) -> Job | None:
    """Do a job if it is to be had. Returns it as it stands afterwards, None if it was not.

    Raises ``django.db.OperationalError`` when the database cannot be reached.
    """
    job = states.claim_job(job_id=job_id)
    if job is None:
        return None
    said = {"job": str(job.pk), "kind": job.kind}
    if job.request_id:
        # The row knows who asked; a message of the sweeper's does not.
        said["request_id"] = job.request_id
    context = structlog.contextvars.bound_contextvars(**said)
    with context, contextlib.suppress(jobs.JobStoppedError):
        _work(job)
    return Job.objects.get(pk=job.pk)


def _work(job: Job) -> None:
    logger.info("job_started", attempt=job.attempts)
    try:
        handler = jobs.find(job.kind).handler
        with Heart(job) as heart:
            result = handler(jobs.JobContext(job=job, reporter=heart))
    except jobs.JobStoppedError:
        logger.info("job_stopped")
    except CrmError as error:
        # The words stay with the job: they may quote a line of somebody's file.
        logger.info("job_refused", why=type(error).__name__)
        states.fail(job=job, error=str(error))
    except (OperationalError, InterfaceError) as error:
        _after_database_trouble(job, error)
    except Exception as error:
        # The edge of the process: whatever happened is logged and shown, never lost.
        logger.exception("job_failed")
        states.fail(job=job, error=states.in_words(error=error, job=job))
    else:
        kept = states.succeed(job=job, result=result)
        logger.info("job_succeeded" if kept else "job_stopped")


def _after_database_trouble(job: Job, error: DatabaseError | InterfaceError) -> None:
    """Lost connections, deadlocks and the like pass: try again later."""
    if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
        # Ours to cancel only where the job was; otherwise a time limit was hit.
        if not _still_ours(job):
            logger.info("job_stopped")
            return
        states.fail(job=job, error="The database stopped a statement that ran too long.")
        return
    if not connection.in_atomic_block:
        connection.close()
    again = states.put_back(job=job, reason="The database was not available.")
    logger.warning("job_put_back" if again else "job_failed", exc_info=error)


def _still_ours(job: Job) -> bool:
    now = Job.objects.get(pk=job.pk)
    return now.status == Job.Status.RUNNING and now.attempts == job.attempts


class Heart:
    """Beats while a job runs, and carries its progress out. Use as a context manager.

    Inside somebody else's transaction (a test, a command) the job's row may not be visible to
    another connection: then no thread is started and the progress is written in place.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._news: tuple[int, int | None, str] | None = None
        self._last: tuple[int, int | None, str] = (0, None, "")
        self._end = threading.Event()
        self._stopped = False
        # Not the proxy, which in the other thread would lead to that thread's connection.
        self._worker = connections[DEFAULT_DB_ALIAS]
        self._inline = self._worker.in_atomic_block
        self._thread = threading.Thread(target=self._beat, name=f"heart-{job.pk}", daemon=True)

    def report(self, done: int, total: int | None, message: str) -> None:
        """Remember the newest progress. Raises ``JobStoppedError`` when the work must end."""
        if self._stopped:
            raise jobs.JobStoppedError
        self._news = (done, total, message)
        if self._inline:
            self._write()

    def __enter__(self) -> Self:
        if not self._inline:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        """Write progress soon, and a heartbeat in any case, until the work has ended."""
        silence = 0.0
        between_beats = settings.CRM_JOB_SILENT_SECONDS / 5
        try:
            while not self._end.wait(PROGRESS_SECONDS):
                silence += PROGRESS_SECONDS
                if self._news is None and silence < between_beats:
                    continue
                silence = 0.0
                if not self._write():
                    self._stop()
                    return
            self._write()
        finally:
            connection.close()

    def _write(self) -> bool:
        """Write what is new. False: the job is no longer ours."""
        news, self._news = self._news, None
        self._last = news or self._last
        done, total, message = self._last
        try:
            return states.write_progress(job=self._job, done=done, total=total, message=message)
        except DatabaseError as error:
            # The next beat tries again; silence for too long hands the job to another worker.
            logger.warning("job_heartbeat_failed", job=str(self._job.pk), error=str(error))
            connection.close()
            return True

    def _stop(self) -> None:
        """End the work: at its next report, or in the middle of a long statement.

        The first cancellation may fall between two statements, so it is repeated.
        """
        self._stopped = True
        while not self._end.wait(PROGRESS_SECONDS):
            native = self._worker.connection
            if native is not None:
                with contextlib.suppress(psycopg.Error):
                    native.cancel_safe(timeout=5)
