"""Keep the ledger of what was computed, up to when, and what failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import RefreshState


@contextmanager
def record(name: str, *, as_of: datetime | None = None) -> Iterator[RefreshState]:
    """Write one row about the step inside the block, also when it fails.

    A step that was refused because another is at it (``ConflictError``) never began: no row stays,
    or the number would count as failing while the other computes it.

    Open it outside the step's own transaction, or a rollback takes the row along.

    Args:
        name: the step, like ``rfm`` or ``dashboard``.
        as_of: what the numbers describe, where it is not the time of the run.

    Yields the row: set ``rows`` (and ``as_of``, where it is only known later).
    """
    _note_interrupted(name)
    state = RefreshState.objects.create(name=name, as_of=as_of, started_at=timezone.now())
    never_began = False
    try:
        yield state
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
            if never_began:
                state.delete()
            else:
                state.save(update_fields=["rows", "as_of", "error", "finished_at"])


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
