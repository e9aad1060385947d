"""Keep the ledger of what was computed, up to when, and what failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import RefreshState

logger = structlog.get_logger(__name__)


@contextmanager
def record(
    name: str, *, as_of: datetime | None = None, anew: bool = False
) -> Iterator[RefreshState]:
    """Write one row about the step inside the block, also when it fails.

    A step that was refused because another is at it (``ConflictError``) never began: no row stays,
    or the number would count as failing while the other computes it.

    Open it outside the step's own transaction, or a rollback takes the row along.

    Args:
        name: the step, like ``rfm`` or ``dashboard``.
        as_of: what the numbers describe, where it is not the time of the run.
        anew: as of ``write_end``.

    Yields the row: set ``rows`` (and ``as_of``, where it is only known later).
    """
    _note_interrupted(name)
    state = RefreshState.objects.create(name=name, as_of=as_of, started_at=timezone.now())
    never_began, failed = False, True
    try:
        yield state
        failed = False
    except ConflictError:
        never_began = True
        raise
    except Exception as error:
        state.error = in_words(error)
        raise
    except BaseException:
        state.error = "It was interrupted."
        raise
    finally:
        state.finished_at = timezone.now()
        # A broken outer transaction takes no more statements; it will lose the row anyway.
        if not (connection.in_atomic_block and connection.needs_rollback):
            fields = ["rows", "as_of", "error", "finished_at"]
            write = state.delete if never_began else partial(state.save, update_fields=fields)
            write_end(write, what=name, failed=failed, anew=anew)


def write_end(write: Callable[[], object], *, what: str, failed: bool, anew: bool) -> None:
    """Write how some work ended.

    Where the server cannot be reached, an error of the work is told and not this one: the log says
    so, and the next attempt notes that this one was killed.

    Args:
        what: the work's name, for the log.
        failed: whether an error of the work is on its way already.
        anew: a session that was lost meanwhile is replaced, and work that went well stays well
            though its end cannot be written. For long work that needs nothing of that session, no
            lock and no transaction.
    """
    anew = anew and not connection.in_atomic_block
    if anew and not connection.is_usable():
        connection.close()
    try:
        write()
    except (OperationalError, InterfaceError) as error:
        if not (failed or anew):
            raise
        logger.warning("end_not_recorded", what=what, error=type(error).__name__)


def _note_interrupted(name: str) -> None:
    """A row that its process never finished, because it was killed, is not running for ever."""
    limit = timezone.now() - timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)
    left = RefreshState.objects.filter(name=name, finished_at=None, error="", started_at__lt=limit)
    left.update(error="Its process was killed.")


def in_words(error: Exception) -> str:
    """Say what went wrong: our own errors as they are, others without their insides."""
    if isinstance(error, CrmError):
        return str(error)
    return f"It failed unexpectedly ({type(error).__name__}); the log of that time says more."
