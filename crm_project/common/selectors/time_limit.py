"""Questions whose cost nobody knows beforehand get so much time and no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from crm_project.common.exceptions import CrmError
from crm_project.common.replicas.router import reads_from_primary


class TooSlowError(CrmError):
    """The database needed too long and was stopped."""


@contextmanager
def time_limit(limit: timedelta) -> Iterator[None]:
    """Stop each statement of the block after so long; the block is one transaction.

    Raises ``TooSlowError`` for a statement that was stopped for its time. One that was stopped for
    another reason (its job was cancelled) keeps its error.
    """
    seconds = limit.total_seconds()
    started = perf_counter()
    try:
        # The limit is set on the primary's connection, so the questions must go there.
        with reads_from_primary(), transaction.atomic():
            before = _set(f"{max(1, round(seconds * 1000))}ms")
            started = perf_counter()
            yield
            # What lasts until the transaction's end would also hold for whoever opened it.
            _set(before)
    except OperationalError as error:
        stopped = isinstance(error.__cause__, QueryCanceled)
        # Clocks differ a little.
        if not stopped or perf_counter() - started < seconds * 0.95:
            raise
        raise TooSlowError(f"It took longer than {seconds:g} seconds and was stopped.") from error


def _set(value: str) -> str:
    """Set the limit until the transaction ends; return the one before."""
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('statement_timeout')")
        before = str(cursor.fetchone()[0])
        cursor.execute("select set_config('statement_timeout', %s, true)", [value])
    return before
