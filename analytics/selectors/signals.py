"""What signals add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from analytics.models import SignalType
from analytics.selectors.signal_statistics import DayCount


@dataclass(frozen=True, slots=True)
class TypeTotal:
    """Signals of one type over a period. ``signal_class`` is empty for types without one."""

    event_type: str
    signal_class: str
    signals: int
    mean_score: Decimal
    max_score: Decimal


def totals_by_type(days: Iterable[DayCount]) -> list[TypeTotal]:
    """Add days up by type, the most frequent type first."""
    by_type: dict[str, list[DayCount]] = {}
    for day in days:
        by_type.setdefault(day.event_type, []).append(day)
    classes = dict(SignalType.objects.values_list("event_type", "signal_class"))
    found = [_total(name, classes.get(name, ""), rows) for name, rows in by_type.items()]
    return sorted(found, key=lambda total: (-total.signals, total.event_type))


def _total(event_type: str, signal_class: str, rows: list[DayCount]) -> TypeTotal:
    signals = sum(row.signals for row in rows)
    weighed = sum((row.mean_score * row.signals for row in rows), Decimal(0))
    return TypeTotal(
        event_type,
        signal_class,
        signals,
        round(weighed / signals, 4),
        max(row.max_score for row in rows),
    )
