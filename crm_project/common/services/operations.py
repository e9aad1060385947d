"""Keep the rows about backups and drills, beside the ledger that the freshness page reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import OperationalError, connection
from django.utils import timezone

from crm_project.common.backup_setup import in_words
from crm_project.common.models.backup import Operation
from crm_project.common.services import refresh

logger = structlog.get_logger(__name__)


@contextmanager
def recorded(run: Operation, step: str) -> Iterator[None]:
    """Keep ``run`` and a row of the ledger about the block, also when it fails.

    Whoever calls this is the only one at such work; what else still looks like running was killed.
    """
    left = type(run)._default_manager.filter(status=Operation.Status.RUNNING, **run.alike)
    left.update(
        status=Operation.Status.FAILED, finished_at=timezone.now(), error="Its process was killed."
    )
    run.save()
    try:
        with refresh.record(step) as state, in_words():
            yield
            state.rows = run.rows
        run.status = Operation.Status.SUCCEEDED
    except BaseException as error:
        run.status = Operation.Status.FAILED
        run.error = "It was interrupted."
        if isinstance(error, Exception):
            run.error = refresh.in_words(error)
        raise
    finally:
        run.finished_at = timezone.now()
        _keep(run)


def _keep(run: Operation) -> None:
    """Save the end of an attempt; the work took long, and the server may have begun anew.

    Where it cannot be reached, what went wrong with the work is told, and not this: the next
    attempt notes that this one was killed.
    """
    if not connection.in_atomic_block and not connection.is_usable():
        connection.close()
    try:
        run.save()
    except OperationalError as error:
        logger.warning(
            "operation_not_recorded", kind=type(run).__name__, error=type(error).__name__
        )
