"""Make plausible signals and send them the way real ones go."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from analytics.ingest.made import MadeEvent, Window, made_events
from analytics.selectors.made_world import world_of_shop
from analytics.services.made_sinks import Taken, sink
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress

BATCH = 2000
"""Events that are sent at once; an entry of the queue may hold no more than 2,500."""
LATE = timedelta(minutes=1)


@dataclass(slots=True)
class Made:
    """What was made and what became of it.

    ``repeated`` events carry the message id of an earlier one; ``late`` ones arrive more than a
    minute after they happened. ``stored``, ``duplicate`` and ``unresolved`` (stored, but of no
    known customer) are known only of what went straight to the database.
    """

    events: int = 0
    repeated: int = 0
    late: int = 0
    types: dict[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None
    stored: int | None = None
    duplicate: int | None = None
    unresolved: int | None = None
    seconds: float = 0.0

    def add(self, taken: Taken | None) -> None:
        """Take into the counts what became of a batch, where that is known."""
        if taken is not None:
            self.stored = (self.stored or 0) + taken.stored
            self.duplicate = (self.duplicate or 0) + taken.duplicate
            self.unresolved = (self.unresolved or 0) + taken.unresolved

    def count(self, events: list[MadeEvent]) -> None:
        """Take these events into the counts."""
        moments = [_moment(event.occurred_at) for event in events]
        self.first_at = min([*moments, *filter(None, [self.first_at])])
        self.last_at = max([*moments, *filter(None, [self.last_at])])
        self.events += len(events)
        self.repeated += sum(event.repeated for event in events)
        late = LATE / timedelta(microseconds=1)
        self.late += sum(event.arrives_at - event.occurred_at > late for event in events)
        for kind, count in Counter(event.event_type for event in events).items():
            self.types[kind] = self.types.get(kind, 0) + count


def generate_signals(
    *,
    events: int,
    customers: int,
    days: int = 30,
    since: datetime | None = None,
    seed: int = 0,
    until: datetime | None = None,
    orders: bool = False,
    to: str = "queue",
    path: Path | None = None,
    in_production: bool = False,
    progress: Progress | None = None,
) -> Made:
    """Make ``events`` signals of the shop's ``customers`` busiest customers and send them.

    Args:
        events: how many, those that are sent twice counted twice.
        customers: where the shop has fewer, made codes that no customer has fill up.
        days: they fall into so many days before ``until``,
        since: or, if given, into the time since then.
        seed: another seed makes others; the same one, with the same shop and ``until``, the same.
        until: default now.
        orders: purchases are those of the shop's real orders of these days.
        to: ``queue``, ``database``, ``file`` (to ``path``) or ``nowhere`` (count only).
        in_production: allow it there.
        progress: told (done, total, words) after each batch.

    Each batch is sent by itself: what was sent before an error stays.

    Raises:
        CrmError: the arguments make no sense, it is production, or the queue takes nothing.
    """
    if to != "nowhere":
        not_in_production(in_production)
    if events < 0 or customers < 1:
        raise CrmError("Give at least one customer, and no negative number of events.")
    begin, end = _between(since, until, days)
    world = world_of_shop(
        customers=customers,
        orders_since=begin if orders else None,
        orders_until=end if orders else None,
    )
    window = Window(since=_micros(begin), until=_micros(end), zone=timezone.get_default_timezone())
    return send(
        made_events(events, world=world, window=window, seed=seed),
        total=events, to=to, path=path, progress=progress,
    )  # fmt: skip


def not_in_production(allowed: bool) -> None:
    """Raise ``CrmError`` in production, unless somebody insists."""
    if settings.PRODUCTION and not allowed:
        raise CrmError("Made signals do not belong among real ones: this is production.")


def _between(
    since: datetime | None, until: datetime | None, days: int
) -> tuple[datetime, datetime]:
    now = timezone.now()
    end = until or now
    begin = since or end - timedelta(days=days)
    if end > now:
        raise CrmError("Nothing has happened yet in the future.")
    if begin >= end:
        raise CrmError("Give at least one day.")
    return begin, end


def send(
    events: Iterable[MadeEvent],
    *,
    total: int,
    to: str,
    path: Path | None = None,
    progress: Progress | None = None,
) -> Made:
    """Send made events in batches and count them. Raises ``CrmError`` when they are not taken."""
    made, begun, stream = Made(), time.monotonic(), iter(events)
    with sink(to, path=path) as take:
        while batch := list(islice(stream, BATCH)):
            try:
                taken = take(batch)
            except CrmError as error:
                sent = f"{made.events:,} of {total:,} events were sent before."
                raise CrmError(f"{error} {sent}") from error
            made.count(batch)
            made.add(taken)
            if progress is not None:
                progress(made.events, total, "Making signals")
    made.seconds = time.monotonic() - begun
    return made


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
