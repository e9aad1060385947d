"""What waits in quarantine, by reason."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Max

from analytics.models import QuarantinedEvent


@dataclass(frozen=True, slots=True)
class Reason:
    """Open events with the same code; ``example`` is the reason of one of them in words."""

    code: str
    events: int
    example: str


def open_reasons() -> list[Reason]:
    """Return the codes of open events, the most frequent first."""
    rows = (
        QuarantinedEvent.objects.open()
        .values("code")
        .annotate(events=Count("pk"), example=Max("reason"))
        .order_by("-events", "code")
    )
    return [Reason(row["code"], row["events"], row["example"]) for row in rows]


def open_ids(*, code: str = "") -> list[UUID]:
    """Return the keys of open events, oldest first; with a code only its own."""
    found = QuarantinedEvent.objects.open().order_by("pk")
    if code:
        found = found.filter(code=code)
    return list(found.values_list("pk", flat=True))


def open_events() -> int:
    """Return how many events wait for a decision (a partial index holds exactly these)."""
    return QuarantinedEvent.objects.open().count()
