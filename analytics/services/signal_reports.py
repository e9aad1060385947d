"""Compute what is read of signals: counts by day, scores of interest, words of the search.

Each step is safe to repeat and safe to run twice at once; each leaves a row in the ledger.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from analytics.selectors.signal_statistics import STEP
from analytics.services.zone import store_business_zone
from crm_project.common.exceptions import CrmError
from crm_project.common.models import RefreshState
from crm_project.common.services import refresh

OVERLAP = timedelta(minutes=15)
"""Signals are looked at again that were stored so long before the last time: their transaction
may have ended later. No transaction that stores signals takes that long."""

WORDS_STEP = "search words"
SCORES_STEP = "signal scores"


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows written: of days, and of customers' days. ``since`` is None when all were counted."""

    since: datetime | None
    days: int
    customer_days: int


def refresh_signals_by_day(*, everything: bool = False) -> Counted:
    """Count the days anew on which signals fall that were stored since the last time.

    Args:
        everything: all days; what retention has dropped is forgotten then. Needed after signals
            were removed other than by retention.
    """
    store_business_zone()
    since = None if everything else _since(STEP)
    with refresh.record(STEP, as_of=timezone.now()) as state:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select crm_private.refresh_signals_by_day(%s)", [since])
            days = int(cursor.fetchone()[0])
            cursor.execute("select crm_private.refresh_customer_signals(%s)", [since])
            customer_days = int(cursor.fetchone()[0])
        state.rows = days + customer_days
    return Counted(since, days, customer_days)


@dataclass(frozen=True, slots=True)
class Scored:
    """How many customers have a signal of their own that counts."""

    as_of: datetime
    scored: int


def score_signals(*, as_of: datetime | None = None, dry_run: bool = False) -> Scored:
    """Score every customer with signals of their own as of a moment, by default now.

    With ``dry_run`` nothing is kept. Raises ``CrmError`` for a moment that is still to come.
    """
    now = timezone.now()
    moment = as_of or now
    if moment > now:
        raise CrmError("That moment is still to come.")
    if dry_run:
        return _score(moment, keep=False)
    with refresh.record(SCORES_STEP, as_of=moment) as state:
        result = _score(moment, keep=True)
        state.rows = result.scored
    return result


def _score(moment: datetime, *, keep: bool) -> Scored:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select crm_private.score_signals(%s)", [moment])
        scored = int(cursor.fetchone()[0])
        if not keep:
            transaction.set_rollback(True)
    return Scored(moment, scored)


def gather_search_words(*, everything: bool = False) -> int:
    """Bring the words up to date with which mistyped ones are compared. Returns words looked at.

    Args:
        everything: also forget words of signals that are no longer stored.
    """
    since = None if everything else _since(WORDS_STEP)
    words = 0
    with (
        refresh.record(WORDS_STEP, as_of=timezone.now()) as state,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        for part in ("customers", "products", "signals"):
            cursor.execute("select crm_private.gather_search_words(%s, %s)", [part, since])
            words += int(cursor.fetchone()[0])
        state.rows = words
    return words


@dataclass(frozen=True, slots=True)
class Reports:
    """All of it. ``counted`` and ``words`` are None in a dry run."""

    scored: Scored
    counted: Counted | None = None
    words: int | None = None


def refresh_signal_reports(
    *, as_of: datetime | None = None, everything: bool = False, dry_run: bool = False
) -> Reports:
    """Score customers, count days and gather words: what the night does, now.

    Raises ``CrmError`` for a moment that is still to come.
    """
    scored = score_signals(as_of=as_of, dry_run=dry_run)
    if dry_run:
        return Reports(scored)
    return Reports(
        scored,
        refresh_signals_by_day(everything=everything),
        gather_search_words(everything=everything),
    )


def _since(step: str) -> datetime | None:
    """Return from when on stored signals are new to a step; None: it never succeeded."""
    last = (
        RefreshState.objects.filter(name=step, error="", finished_at__isnull=False)
        .order_by("-started_at")
        .first()
    )
    return last.started_at - OVERLAP if last else None
