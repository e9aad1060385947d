"""A customer's interest as their signals show it: now, and as of the last night."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import Signal, SignalScore, SignalType
from analytics.scoring import signal_scores as rules
from customers.models import Customer

MOST_SIGNALS = 5_000
"""Newest signals of a customer that are read; nobody but a program has more that still count."""

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Contribution:
    """One signal, and what is left of its score."""

    event_type: str
    occurred_at: datetime
    score: Decimal
    left: Decimal


@dataclass(frozen=True, slots=True)
class LiveScore:
    """What a customer's own signals say as of a moment; what we did (outreach) is left out.

    Attributes:
        score: 0 to 1, decayed with a half-life of 30 days; 0 without signals.
        intent: the highest score of a signal of intent in the last 14 days; 0 without one.
        strong_intent: whether the intent is high enough to say so.
        last_signal_at: None without signals.
        signals_90d: their own signals of the last 90 days.
        reasons: the signals that count most now, the strongest first.
    """

    score: Decimal
    intent: Decimal
    last_signal_at: datetime | None
    signals_90d: int
    as_of: datetime
    reasons: tuple[Contribution, ...] = ()

    @property
    def strong_intent(self) -> bool:
        return float(self.intent) >= rules.STRONG_INTENT


def live_score(
    customer: Customer | int, *, as_of: datetime | None = None, reasons: int = 3
) -> LiveScore:
    """Score one customer from their signals up to a moment, by default now.

    Two queries, and at most ``MOST_SIGNALS`` rows.
    """
    moment = as_of or timezone.now()
    classes = dict(SignalType.objects.values_list("event_type", "signal_class"))
    parts = [
        Contribution(
            event_type,
            occurred_at,
            score,
            round(Decimal(rules.decayed(float(score), _days(moment - occurred_at))), 4),
        )
        for event_type, occurred_at, score in _signals(customer, moment, classes)
    ]
    intent = [
        part.score
        for part in parts
        if classes.get(part.event_type) in rules.INTENT_CLASSES
        and part.occurred_at > moment - timedelta(days=rules.INTENT_DAYS)
    ]
    ages = [(float(part.score), _days(moment - part.occurred_at)) for part in parts]
    recent = moment - timedelta(days=90)
    return LiveScore(
        score=round(Decimal(rules.account_score(ages)), 4),
        intent=max(intent, default=ZERO),
        last_signal_at=parts[0].occurred_at if parts else None,
        signals_90d=sum(part.occurred_at > recent for part in parts),
        as_of=moment,
        reasons=tuple(sorted(parts, key=lambda part: part.left, reverse=True)[:reasons]),
    )


def _signals(
    customer: Customer | int, moment: datetime, classes: dict[str, str]
) -> list[tuple[str, datetime, Decimal]]:
    """Return type, time and score of the customer's newest own signals."""
    ours = [name for name, kind in classes.items() if kind == SignalType.Class.OUTREACH]
    found = (
        Signal.objects.of_customer(customer)
        .filter(
            occurred_at__lte=moment,
            occurred_at__gt=moment - timedelta(days=rules.HORIZON_DAYS),
        )
        .exclude(event_type__in=ours)
        .values_list("event_type", "occurred_at", "score")
    )
    return list(found[:MOST_SIGNALS])


def _days(age: timedelta) -> float:
    return age / timedelta(days=1)


def stored_score(customer: Customer | int) -> SignalScore | None:
    """Return the score of the last night; None if they had no signal of their own then."""
    pk = customer.pk if isinstance(customer, Customer) else customer
    return SignalScore.objects.filter(pk=pk).first()


def strongest_intent(*, limit: int = 20) -> QuerySet[SignalScore]:
    """Return the highest intent as of the last scoring, and among equals the highest score."""
    found = SignalScore.objects.select_related("customer").filter(intent__gt=0)
    return found.order_by("-intent", "-score", "customer_id")[:limit]


def most_interested(*, limit: int = 20) -> QuerySet[SignalScore]:
    """Return the highest scores of the last night, with their customers."""
    return SignalScore.objects.select_related("customer").order_by("-score", "customer_id")[:limit]
