"""Keep the rows about backups and drills, beside the ledger that the freshness page reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from crm_project.common.backup_setup import in_words
from crm_project.common.models.backup import Operation
from crm_project.common.services import refresh


@contextmanager
def recorded(run: Operation, step: str) -> Iterator[None]:
    """Keep ``run`` and a row of the ledger about the block, also when it fails.

    Whoever calls this is the only one at such work; what else still looks like running was killed.
    The lock is of another session: the end is written also where ours was lost meanwhile.
    """
    left = type(run)._default_manager.filter(status=Operation.Status.RUNNING, **run.alike)
    left.update(
        status=Operation.Status.FAILED, finished_at=timezone.now(), error="Its process was killed."
    )
    run.save()
    try:
        with refresh.record(step, anew=True) as state, in_words():
            yield
            state.rows, state.as_of = run.rows, run.speaks_for
        run.status = Operation.Status.SUCCEEDED
    except BaseException as error:
        run.status = Operation.Status.FAILED
        run.error = "It was interrupted."
        if isinstance(error, Exception):
            run.error = refresh.in_words(error)
        raise
    finally:
        run.finished_at = timezone.now()
        failed = run.status == Operation.Status.FAILED
        refresh.write_end(run.save, what=step, failed=failed, anew=True)
