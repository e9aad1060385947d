"""The demo's signals: the shop's file has none, so they are made, and say so."""

from datetime import datetime, time, timedelta

from django.db.models import Max
from django.utils import timezone

from analytics.ingest.made import SOURCE
from analytics.models import Signal
from analytics.services.made_signals import Made, generate_signals
from crm_project.common.jobs import Progress
from customers.models import Customer
from recommendations.services.demo import NEWEST, DemoData

DAYS = 90
SIGNALS_A_DAY = 450
"""Few enough for a start within seconds, enough for every page to have something to show."""
PAUSE = timedelta(hours=1)
"""A later start adds what would have come meanwhile, unless it was less than this."""


def load_signals(*, data: DemoData, progress: Progress | None = None) -> Made | None:
    """Make the signals of the last ninety days, or those since the last start; None if too few.

    They are stored as if received when they happened. Purchases are those of the shop's orders,
    as far as the numbers allow; so what customers looked at and what they bought fit together.
    """
    until = demo_end(data)
    newest = Signal.objects.filter(source=SOURCE).aggregate(at=Max("received_at"))["at"]
    since = max(newest or until - timedelta(days=DAYS), until - timedelta(days=DAYS))
    if until - since < PAUSE:
        return None
    return generate_signals(
        events=int((until - since) / timedelta(days=1) * SIGNALS_A_DAY),
        customers=Customer.objects.count(),
        since=since,
        until=until,
        orders=True,
        to="database",
        progress=progress,
    )


def demo_end(data: DemoData) -> datetime:
    """Return the demo's present: now, or the end of the file's last day if dates are its own."""
    if data.shift_days:
        return timezone.now()
    return timezone.make_aware(datetime.combine(NEWEST + timedelta(days=1), time()))
