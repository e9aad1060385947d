"""Signals by day and type: what was counted, and what came since."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Avg, Count, Max
from django.utils import timezone

from analytics.models import CustomerSignalsByDay, Signal, SignalsByDay
from analytics.selectors.freshness import refreshed_at
from crm_project.common.exceptions import CrmError
from customers.models import Customer

STEP = "signals by day"
"""The ledger's name of the counting."""

LONGEST = 1_100
"""Days of a question: three years."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Signals of one local day and type."""

    day: date
    event_type: str
    signals: int
    customers: int
    mean_score: Decimal
    max_score: Decimal


@dataclass(frozen=True, slots=True)
class SignalStatistics:
    """Days, the newest first, and types by name.

    Attributes:
        as_of: when days before today were last counted; None: never. Today is always as of now.
        total: signals of the whole period.
    """

    first: date
    last: date
    as_of: datetime | None
    total: int
    days: tuple[DayCount, ...]


def signals_by_day(
    *,
    first: date | None = None,
    last: date | None = None,
    event_types: Collection[str] = (),
) -> SignalStatistics:
    """Count signals by local day and type, from one day to another, both included.

    Earlier days were counted by the hour; today (and days to come, which a sender's clock can
    bring) are counted now.

    Args:
        first: by default 29 days before ``last``.
        last: by default today.
        event_types: only these; by default all.

    Raises ``CrmError`` for a period that makes no sense or is longer than three years.
    """
    today = timezone.localdate()
    last = last or today
    first = first or last - timedelta(days=29)
    if first > last:
        raise CrmError("The period ends before it begins.")
    if (last - first).days >= LONGEST:
        raise CrmError(f"Ask for at most {LONGEST} days.")
    days = _stored(first, min(last, today - timedelta(days=1)), event_types)
    if last >= today:
        days = _live(max(first, today), last, event_types) + days
    return SignalStatistics(
        first=first,
        last=last,
        as_of=refreshed_at(STEP),
        total=sum(day.signals for day in days),
        days=tuple(days),
    )


def _stored(first: date, last: date, event_types: Collection[str]) -> list[DayCount]:
    rows = SignalsByDay.objects.filter(day__range=(first, last)).order_by("-day", "event_type")
    if event_types:
        rows = rows.filter(event_type__in=event_types)
    return [
        DayCount(row.day, row.event_type, row.signals, row.customers, row.mean_score, row.max_score)
        for row in rows
    ]


def _live(first: date, last: date, event_types: Collection[str]) -> list[DayCount]:
    """Count days from the signals themselves."""
    found: list[DayCount] = []
    # Nothing is later than a day ahead: receiving refuses it.
    for number in range(min((last - first).days + 1, 2)):
        day = first + timedelta(days=number)
        rows = Signal.objects.filter(occurred_at__gte=_start(day))
        rows = rows.filter(occurred_at__lt=_start(day + timedelta(days=1)))
        if event_types:
            rows = rows.filter(event_type__in=event_types)
        counted = (
            rows.order_by("event_type")
            .values("event_type")
            .annotate(
                signals=Count("pk"),
                customers=Count("customer_id", distinct=True),
                mean=Avg("score"),
                highest=Max("score"),
            )
        )
        found = [
            DayCount(
                day,
                row["event_type"],
                row["signals"],
                row["customers"],
                round(row["mean"], 4),
                row["highest"],
            )
            for row in counted
        ] + found
    return found


def _start(day: date) -> datetime:
    """Return the moment at which a local day of the business begins."""
    return timezone.make_aware(datetime.combine(day, time.min))


@dataclass(frozen=True, slots=True)
class TypeSummary:
    """What one customer did of one type, over all days counted."""

    event_type: str
    signals: int
    mean_score: Decimal
    max_score: Decimal
    last_day: date


def customer_summary(customer: Customer | int) -> list[TypeSummary]:
    """Return a customer's signals by type, the most frequent first, as of the last counting."""
    by_type: dict[str, list[CustomerSignalsByDay]] = {}
    for row in CustomerSignalsByDay.objects.filter(customer=customer):
        by_type.setdefault(row.event_type, []).append(row)
    found = [_summary(event_type, rows) for event_type, rows in by_type.items()]
    return sorted(found, key=lambda summary: (-summary.signals, summary.event_type))


def _summary(event_type: str, rows: list[CustomerSignalsByDay]) -> TypeSummary:
    signals = sum(row.signals for row in rows)
    total = sum((row.mean_score * row.signals for row in rows), Decimal(0))
    return TypeSummary(
        event_type,
        signals,
        round(total / signals, 4),
        max(row.max_score for row in rows),
        max(row.day for row in rows),
    )
