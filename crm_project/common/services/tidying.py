"""Remove what is past its time, part by part, in short transactions.

Whoever reads or writes is not kept waiting: rows go by the thousand, and what somebody else holds
at that moment goes the next night. So two may do this at once; each row goes once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
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
    """
    moment = now or timezone.now()
    if dry_run:
        return Tidied(True, tuple(_do(chore, moment, dry_run=True) for chore in chores()))
    with refresh.record(TIDYING.step) as state:
        done = Tidied(False, tuple(_do(chore, moment, dry_run=False) for chore in chores()))
        state.rows = done.removed
        state.error = " ".join(done.troubles)
    logger.info("tidied", removed=done.removed, troubles=len(done.troubles))
    return done


def _do(chore: Chore, now: datetime, *, dry_run: bool) -> Done:
    if chore.wrong:
        return Done(chore, Cleared(troubles=(chore.wrong,)))
    if chore.kept_for_ever:
        return Done(chore, None)
    return Done(chore, chore.clear(limit=chore.limit(now), dry_run=dry_run))


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
