"""Remove what is past its time, part by part, in short transactions.

Whoever reads or writes is not kept waiting: rows go by the thousand, and what somebody else holds
at that moment goes the next night. So two may do this at once; each row goes once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from crm_project.common.freshness import TIDYING
from crm_project.common.services import refresh
from crm_project.common.tidying import Chore, Cleared, chores

BATCH = 1_000
"""Rows that one transaction removes: a fraction of a second."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """One part of the tidying, and what came of it. ``cleared`` is None where all is kept."""

    chore: Chore
    cleared: Cleared | None


@dataclass(frozen=True, slots=True)
class Tidied:
    """What was removed, or would be."""

    dry_run: bool
    parts: tuple[Done, ...]

    @property
    def removed(self) -> int:
        return sum(part.cleared.removed for part in self.parts if part.cleared)

    @property
    def troubles(self) -> tuple[str, ...]:
        return tuple(
            words for part in self.parts if part.cleared for words in part.cleared.troubles
        )


def tidy(*, now: datetime | None = None, dry_run: bool = False) -> Tidied:
    """Remove what every app has registered and whose time is over; a dry run only counts it.

    What could not be removed is told in the result and in the ledger, and does not stop the rest.

    Raises ``OperationalError`` or ``InterfaceError`` where the connection was lost on the way, but
    after the rest was tried by another one: a retry does what is left.
    """
    moment = now or timezone.now()
    lost: list[DatabaseError] = []
    if dry_run:
        done = _all(moment, lost, dry_run=True)
    else:
        with refresh.record(TIDYING.step, anew=True) as state:
            done = _all(moment, lost, dry_run=False)
            state.rows = done.removed
            state.error = " ".join(done.troubles)
        logger.info("tidied", removed=done.removed, troubles=len(done.troubles))
    if lost:
        raise lost[0]
    return done


def _all(now: datetime, lost: list[DatabaseError], *, dry_run: bool) -> Tidied:
    return Tidied(dry_run, tuple(_do(chore, now, lost, dry_run=dry_run) for chore in chores()))


def _do(chore: Chore, now: datetime, lost: list[DatabaseError], *, dry_run: bool) -> Done:
    """Do one part; its failure is a trouble in words, and of a lost connection also in ``lost``."""
    if chore.wrong:
        return Done(chore, Cleared(troubles=(chore.wrong,)))
    if chore.kept_for_ever:
        return Done(chore, None)
    try:
        cleared = chore.clear(limit=chore.limit(now), dry_run=dry_run)
    except (OSError, DatabaseError) as error:
        logger.warning("part_not_tidied", part=chore.what, exc_info=True)
        if isinstance(error, DatabaseError) and _dropped():
            lost.append(error)
        cleared = Cleared(troubles=(f"{chore.what} could not be removed: {_reason(error)}.",))
    return Done(chore, cleared)


def _dropped() -> bool:
    """Drop the connection if it is of no use any more; the next statement makes another one."""
    if connection.in_atomic_block or connection.is_usable():
        return False
    connection.close()
    return True


def _reason(error: OSError | DatabaseError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    # Without the details, which may hold values of a row.
    return str(error).strip().partition("\n")[0].rstrip(".")


def remove(*, rows: QuerySet[Any], dry_run: bool) -> int:
    """Remove rows, some at a time, in the order in which an index finds them; return how many.

    Give ``rows`` an order that an index has: what is left is then not read again for each batch.
    """
    if dry_run:
        return rows.count()
    removed = 0
    while True:
        with transaction.atomic():
            locked = rows.select_for_update(skip_locked=True, of=("self",))
            keys = list(locked.values_list("pk", flat=True)[:BATCH])
            rows.model._default_manager.filter(pk__in=keys).delete()
        removed += len(keys)
        if len(keys) < BATCH:
            return removed
