"""How busy a customer was, day by day."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from analytics.models import Signal

DAYS = 90


@dataclass(frozen=True, slots=True)
class Activity:
    """Signals of each of the last ``DAYS`` days of the business, the oldest first."""

    first: date
    counts: list[int]

    @property
    def total(self) -> int:
        return sum(self.counts)


def activity(*, customer_id: int, today: date | None = None) -> Activity:
    """Count a customer's signals by day; reads the index of this customer alone."""
    last = today or timezone.localdate()
    first = last - timedelta(days=DAYS - 1)
    since, until = _midnight(first), _midnight(last + timedelta(days=1))
    rows = (
        Signal.objects.filter(
            customer_id=customer_id, occurred_at__gte=since, occurred_at__lt=until
        )
        .order_by()
        .values_list(TruncDate("occurred_at"))
        .annotate(signals=Count("pk"))
    )
    found = dict(rows)
    return Activity(first, [found.get(first + timedelta(days=n), 0) for n in range(DAYS)])


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
