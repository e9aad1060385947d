"""The demo's signals: the shop's file has none, so they are made, and say so."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import connection
from django.db.models import Case, Count, Max, When
from django.utils import timezone

from analytics.ingest.made import SOURCE
from analytics.models import Signal
from analytics.services.made_signals import Made, generate_signals
from analytics.services.signal_reports import refresh_signal_reports
from crm_project.common.jobs import Progress
from crm_project.common.models import RefreshState
from crm_project.common.services.refresh import record
from customers.models import Customer
from recommendations.services.demo import NEWEST, DemoData

STEP = "demo signals"
DAYS = 90
SIGNALS_A_DAY = 450
"""Few enough for a start within seconds, enough for every page to have something to show."""
PAUSE = timedelta(hours=1)
"""A later start adds what would have come meanwhile, unless it was less than this."""


def load_signals(*, data: DemoData, progress: Progress | None = None) -> Made | None:
    """Make the signals of the last ninety days, or those since the last start; None if too few.

    They are stored as if received when they happened, then scored. Purchases are those of the
    shop's orders, as far as the numbers allow; so what customers looked at and what they bought
    fit together.
    """
    until = demo_end(data)
    since = _made_until(or_else=until - timedelta(days=DAYS))
    if until - since < PAUSE:
        return None
    with record(STEP, as_of=until) as state:
        made = generate_signals(
            events=int((until - since) / timedelta(days=1) * SIGNALS_A_DAY),
            customers=Customer.objects.count(),
            since=since,
            until=until,
            orders=True,
            to="database",
            progress=progress,
        )
        state.rows = made.stored
    if progress is not None:
        progress(0, None, "Scoring signals")
    with connection.cursor() as cursor:
        # Nothing else analyses a partitioned table as a whole; the lists read its estimates.
        cursor.execute("analyze analytics_signal, analytics_rawevent")
    refresh_signal_reports(as_of=until)
    return made


def _made_until(*, or_else: datetime) -> datetime:
    """Return the end of what was made so far; of a start that was interrupted, its last signal."""
    newest = Signal.objects.filter(source=SOURCE).aggregate(at=Max("received_at"))["at"]
    if newest is None:
        return or_else
    complete = RefreshState.objects.filter(name=STEP, error="", finished_at__isnull=False)
    end: datetime = max(newest, complete.aggregate(at=Max("as_of"))["at"] or newest, or_else)
    return end


@dataclass(frozen=True, slots=True)
class SignalSummary:
    """What is there: signals, the customers they are of, and codes that nobody has."""

    signals: int
    customers: int
    strangers: int


def summary() -> SignalSummary:
    """Count the made signals."""
    unknown = Case(When(customer=None, then="customer_ref"))
    counts = Signal.objects.filter(source=SOURCE).aggregate(
        signals=Count("*"),
        customers=Count("customer", distinct=True),
        strangers=Count(unknown, distinct=True),
    )
    return SignalSummary(**counts)


def demo_end(data: DemoData) -> datetime:
    """Return the demo's present: now, or the end of the file's last day if dates are its own."""
    if data.shift_days:
        return timezone.now()
    return timezone.make_aware(datetime.combine(NEWEST + timedelta(days=1), time()))
