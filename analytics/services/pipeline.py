"""Run the scoring pipeline: its steps in their order, each recorded, a dead run resumed.

A failed step stops those that need it; the others go on. One process at a time works on it: a lock
of the session, which goes with the process however it ends. So a row that says "running" while
nobody holds the lock is a run that was killed, and the next one sets it right.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime

import structlog
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from analytics.models import PipelineRun, PipelineStep
from analytics.selectors import pipeline as selectors
from analytics.services import pipeline_registry as registry
from analytics.services.rfm_steps import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import JobStoppedError, Progress
from crm_project.common.models import Job, User
from crm_project.common.services.refresh import in_words

Run = PipelineRun.Status
Did = PipelineStep.Status

KILLED = "Its process was killed. What was published before stays; the step can be done again."
SHARE = 100
"""Parts of a step as progress counts them."""

logger = structlog.get_logger(__name__)


def run_pipeline(
    *,
    as_of: date | None = None,
    only: Sequence[str] = (),
    start_at: str = "",
    origin: str = PipelineRun.Origin.COMMAND,
    user: User | None = None,
    job: Job | None = None,
    progress: Progress | None = None,
) -> PipelineRun:
    """Do the steps of a new run. A step that fails is in the run, and does not raise.

    Args:
        as_of: the local day whose end is described; by default today. A day before the one that
            people see now is scored into the history, and nothing that they see changes.
        only: these steps alone; what they need must have been done before.
        start_at: this step and all after it.
        origin: one of ``PipelineRun.Origin``.
        job: the background job that does this.

    Raises ``ConflictError`` while another process is at it, ``CrmError`` for arguments that make no
    sense, and ``JobStoppedError`` when the job is cancelled.
    """
    day = as_of or timezone.localdate()
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    names = registry.choose(only=only, start_at=start_at)
    with _alone():
        return _work(_begin(day, names, origin=origin, user=user, job=job), progress)


def resume_pipeline(
    *,
    run_id: int | None = None,
    user: User | None = None,
    job: Job | None = None,
    progress: Progress | None = None,
) -> PipelineRun:
    """Do what a run left undone: by default the newest run.

    Steps that were done are left as they are where nothing that they read has changed since.

    Raises ``CrmError`` when there is nothing left to do, ``ConflictError`` as ``run_pipeline``.
    """
    with _alone():
        runs = PipelineRun.objects.order_by("-id")
        run = runs.first() if run_id is None else runs.filter(pk=run_id).first()
        if run is None:
            raise CrmError("There is no run of the pipeline that could be resumed.")
        if run.status == Run.SUCCEEDED:
            raise CrmError(f"Run {run.pk} as of {run.as_of:%Y-%m-%d} is complete; nothing is left.")
        _reopen(run, job=job)
        return _work(run, progress)


def run_or_resume(
    *,
    as_of: date | None = None,
    origin: str = PipelineRun.Origin.SCHEDULE,
    user: User | None = None,
    job: Job | None = None,
    progress: Progress | None = None,
) -> PipelineRun:
    """Resume the newest run if it is of this day and ended too early; else do a new one."""
    day = as_of or timezone.localdate()
    newest = selectors.newest_run()
    if newest and newest.as_of == day and newest.status != Run.SUCCEEDED:
        return resume_pipeline(run_id=newest.pk, user=user, job=job, progress=progress)
    return run_pipeline(as_of=day, origin=origin, user=user, job=job, progress=progress)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the pipeline's lock. Raises ``ConflictError`` that says who has it since when."""
    if not _take_lock():
        run = selectors.at_work()
        raise ConflictError(
            selectors.in_words(run)
            if run
            else "Another run of the pipeline is just beginning; try again in a moment."
        )
    try:
        _note_killed()
        yield
    finally:
        # A broken connection or transaction takes no statement; the lock goes with the session.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(%s)", [selectors.LOCK])
            cursor.execute("reset client_connection_check_interval")


def _take_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [selectors.LOCK])
        taken = bool(cursor.fetchone()[0])
        if taken:
            # Else the server would finish a dead process's long statement, and keep its lock.
            cursor.execute("set client_connection_check_interval = '2s'")
    return taken


def _note_killed() -> None:
    """Close runs whose process died: who holds the lock knows that nobody else is at work."""
    now = timezone.now()
    dead = PipelineRun.objects.filter(status=Run.RUNNING)
    steps = PipelineStep.objects.filter(run__in=dead, status=Did.RUNNING)
    with transaction.atomic():
        steps.update(status=Did.INTERRUPTED, error=KILLED, finished_at=now)
        dead.update(status=Run.INTERRUPTED, error="Its process was killed.", finished_at=now)


@transaction.atomic
def _begin(
    day: date, names: Sequence[str], *, origin: str, user: User | None, job: Job | None
) -> PipelineRun:
    run = PipelineRun.objects.create(
        as_of=day, make_current=_is_newest(day), origin=origin, created_by=user, job=job
    )
    PipelineStep.objects.bulk_create(
        PipelineStep(run=run, position=place, name=name) for place, name in enumerate(names, 1)
    )
    run.refresh_from_db()
    return run


def _is_newest(day: date) -> bool:
    current = selectors.current_day()
    return current is None or day >= current


@transaction.atomic
def _reopen(run: PipelineRun, *, job: Job | None) -> None:
    run.status, run.error, run.finished_at = Run.RUNNING, "", None
    run.resumed_at, run.attempts = timezone.now(), run.attempts + 1
    run.make_current, run.job = _is_newest(run.as_of), job or run.job
    run.save()
    left = run.steps.exclude(status__in=PipelineStep.DONE)
    left.update(status=Did.WAITING, error="", words="", started_at=None, finished_at=None)


def _work(run: PipelineRun, progress: Progress | None) -> PipelineRun:
    """Do the steps that wait, and close the run."""
    try:
        _do_steps(run, list(run.steps.order_by("position")), progress)
    except JobStoppedError:
        _interrupt(run, "It was cancelled.")
        raise
    except BaseException:
        # Ctrl-C, the end of the worker, a lost connection: the rows say what they can.
        with suppress(DatabaseError):
            _interrupt(run, "It was interrupted.")
        raise
    return _close(run)


def _interrupt(run: PipelineRun, words: str) -> None:
    now = timezone.now()
    running = run.steps.filter(status=Did.RUNNING)
    running.update(status=Did.INTERRUPTED, error=words, finished_at=now)
    run.status, run.error, run.finished_at = Run.INTERRUPTED, words, now
    run.save()


def _close(run: PipelineRun) -> PipelineRun:
    bad = list(run.steps.exclude(status__in=PipelineStep.DONE).order_by("position"))
    run.status = Run.FAILED if bad else Run.SUCCEEDED
    failed = [step.name for step in bad if step.status == Did.FAILED]
    blocked = [step.name for step in bad if step.status != Did.FAILED]
    words = [f"Failed: {', '.join(failed)}."] if failed else []
    words += [f"Not started because of that: {', '.join(blocked)}."] if blocked else []
    run.error, run.finished_at = " ".join(words), timezone.now()
    run.save()
    logger.info("pipeline_finished", run=run.pk, status=run.status, failed=failed)
    return run


def _do_steps(run: PipelineRun, rows: list[PipelineStep], progress: Progress | None) -> None:
    """Go through the steps; ``anew`` are those whose numbers are new in this attempt."""
    by_name = {row.name: row for row in rows}
    anew: set[str] = set()
    for place, row in enumerate(rows):
        _stay_alone()
        tell = _told(progress, place, len(rows), registry.label_of(row.name))
        tell(0, None, "")
        try:
            step = registry.find(row.name)
        except CrmError as error:
            _finish(row, Did.FAILED, error=str(error))
            continue
        blockers = [name for name in step.needs if _is_bad(by_name.get(name))]
        if blockers:
            words = f"It needs {' and '.join(blockers)}, which did not succeed."
            _finish(row, Did.BLOCKED, words=words)
            continue
        inputs = selectors.fingerprint(step.reads, until=end_of(run.as_of))
        if _still_good(row, step, inputs, anew):
            continue
        anew.add(row.name)
        _do(run, row, step, inputs, tell)


def _stay_alone() -> None:
    """The lock went if the connection was lost meanwhile: take it again, or leave."""
    if not selectors.lock_is_ours() and not _take_lock():
        raise ConflictError("The connection was lost, and another process runs the pipeline now.")


def _is_bad(row: PipelineStep | None) -> bool:
    """A step that was not asked for counts as done: its numbers are those of an earlier run."""
    return row is not None and row.status not in PipelineStep.DONE


def _still_good(
    row: PipelineStep, step: registry.Step, inputs: dict[str, str], anew: set[str]
) -> bool:
    """Whether an earlier attempt did this step and nothing that it read has changed since."""
    done = row.status in PipelineStep.DONE and not step.repeat
    return done and row.inputs == inputs and anew.isdisjoint({*step.needs, *step.uses})


def _told(progress: Progress | None, place: int, steps: int, label: str) -> Progress:
    """Return the progress of one step as its share of the whole."""

    def tell(done: int, total: int | None, message: str) -> None:
        if progress is None:
            return
        part = min(SHARE - 1, done * SHARE // total) if total else 0
        words = f"{label}: {message}" if message else label
        progress(place * SHARE + part, steps * SHARE, words)

    return tell


def _do(
    run: PipelineRun,
    row: PipelineStep,
    step: registry.Step,
    inputs: dict[str, str],
    tell: Progress,
) -> None:
    """Do one step and note how it went. Only what stops the whole run is raised."""
    row.status, row.started_at, row.finished_at = Did.RUNNING, timezone.now(), None
    row.attempts, row.inputs, row.error, row.words = row.attempts + 1, inputs, "", ""
    row.save()
    context = registry.StepContext(
        as_of=run.as_of, make_current=run.make_current, user=run.created_by, progress=tell
    )
    try:
        result = step.work(context)
    except registry.StepNotNeededError as reason:
        _finish(row, Did.SKIPPED, words=str(reason))
    except JobStoppedError:
        raise
    except Exception as error:
        if not isinstance(error, CrmError):
            logger.exception("pipeline_step_failed", run=run.pk, step=row.name)
        # Raises when the job was cancelled, which is how its statement came to fail.
        tell(0, None, "")
        if not connection.is_usable():
            raise
        _finish(row, Did.FAILED, error=in_words(error))
    else:
        _finish(row, Did.SUCCEEDED, rows=result.rows, words=result.words)


def _finish(
    row: PipelineStep, status: str, *, rows: int | None = None, words: str = "", error: str = ""
) -> None:
    row.status, row.rows, row.words, row.error = status, rows, words, error
    row.finished_at = _now_if_started(row)
    row.save()


def _now_if_started(row: PipelineStep) -> datetime | None:
    return timezone.now() if row.started_at else None


__all__ = ["KILLED", "resume_pipeline", "run_or_resume", "run_pipeline"]
