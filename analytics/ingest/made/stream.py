"""The stories of all days as one stream in the order of arrival, some late, some twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from random import Random
from typing import Any

import msgspec

from analytics.ingest.made import clock, stories
from analytics.ingest.made.clock import HOUR, SECOND, Day, Window
from analytics.ingest.made.stories import Story, Teller
from analytics.ingest.made.world import Bought, World

MAIL_SHARE = 0.5
"""Of the events of a day with a mailing, so much comes from the mailing."""
ORDER_SHARE = 0.4
"""Of a day's events, at most about so much leads up to given orders; more of them are left out."""
LATE_STORY, LATE_EVENT, REPEATED = 0.02, 0.01, 0.012
"""Shares: of stories whose device was offline, of events held up, of events sent once more."""
LATEST = 72 * HOUR


class MadeEvent(msgspec.Struct, frozen=True, gc=False):
    """One event as its sender knows it, and when it reaches us (µs, UTC).

    A repeated event has the number, and so the message id, of its first sending.
    """

    arrives_at: int
    occurred_at: int
    number: int
    event_type: str
    customer: str
    product: str
    message_id: str
    data: dict[str, Any]
    repeated: bool = False


def made_events(count: int, *, world: World, window: Window, seed: int = 0) -> Iterator[MadeEvent]:
    """Yield exactly ``count`` events in the order of arrival, repeated ones counted.

    No event happens before the window or arrives after its end, and none arrives before it
    happened. The same arguments give the same events. Memory grows with the busiest
    day, not with ``count`` as a whole.

    Raises ``ValueError`` for an empty window or world, or a negative count.
    """
    if count < 0 or not world.customers or not world.goods:
        raise ValueError("Signals need customers, goods, and a count that is not negative.")
    tag = _tag(count, window, seed)
    # Chance that can be repeated is the point; nothing secret hangs on it.
    teller = Teller(world, Random(tag), tag)  # noqa: S311
    days = list(clock.days(window))
    quotas = clock.shares(count, [day.weight for day in days])
    orders = _orders_by_day(world.orders or (), days)
    desk = _Desk(teller, window)
    for number, (day, quota) in enumerate(zip(days, quotas, strict=True)):
        desk.write(day, quota, orders.get(number, ()))
        yield from desk.arrived(before=day.until)
    yield from desk.arrived(before=window.until + 1)


def _tag(count: int, window: Window, seed: int) -> str:
    """Name a run, so that message ids of different runs differ and those of the same do not."""
    text = f"{seed} {count} {window.since} {window.until} {window.zone}"
    return blake2b(text.encode(), digest_size=5).hexdigest()


def _orders_by_day(orders: Sequence[Bought], days: list[Day]) -> dict[int, list[Bought]]:
    found: dict[int, list[Bought]] = {}
    for order in orders:
        if days[0].since <= order.at < days[-1].until:
            found.setdefault((order.at - days[0].since) // clock.DAY, []).append(order)
    return found


@dataclass(slots=True)
class _Desk:
    """Takes stories, decides when each part arrives, keeps what is still on its way."""

    teller: Teller
    window: Window
    on_its_way: list[MadeEvent] = field(default_factory=list)
    numbers: int = 0
    today: int = 0

    def write(self, day: Day, quota: int, orders: Sequence[Bought]) -> None:
        """Tell stories of this day until they make up exactly ``quota`` events."""
        self.today, end = day.since, len(self.on_its_way) + quota
        for order in self._some(orders, at_most=quota * ORDER_SHARE):
            self._take(stories.before_order(self.teller, order), end)
        mails = len(self.on_its_way) + int((end - len(self.on_its_way)) * MAIL_SHARE)
        while day.mailing_at and len(self.on_its_way) < mails:
            self._take(stories.mail(self.teller, day.mailing_at, self._campaign(day)), mails)
        while len(self.on_its_way) < end:
            self._take(stories.usual(self.teller, day.moment(self.teller.chance)), end)

    def _some(self, orders: Sequence[Bought], *, at_most: float) -> Iterator[Bought]:
        """Yield orders by chance, so that their stories make up about so many events."""
        events = sum(3 * len(order.lines) for order in orders)
        for order in orders:
            if self.teller.chance.random() * events < at_most:
                yield order

    def arrived(self, *, before: int) -> Iterator[MadeEvent]:
        """Yield what has arrived by then, and forget it."""
        self.on_its_way.sort(key=_arrival)
        here = [event for event in self.on_its_way if event.arrives_at < before]
        del self.on_its_way[: len(here)]
        yield from here

    def _campaign(self, day: Day) -> str:
        sent = datetime.fromtimestamp((day.mailing_at or 0) // SECOND, tz=self.window.zone)
        return f"NEWS-{sent:%G-W%V}"

    def _take(self, story: Story, end: int) -> None:
        """Send a story's events until ``end`` are on their way; what is after the window is cut."""
        chance, window = self.teller.chance, self.window
        offline = self._delay() if chance.random() < LATE_STORY else 0
        for at, event_type, customer, product, data in story:
            if len(self.on_its_way) >= end or at >= window.until:
                return
            if at < window.since:
                continue
            held_up = offline or (self._delay() if chance.random() < LATE_EVENT else 0)
            # Not before today: what led to an order may have begun yesterday, already told.
            arrives = max(at, self.today) + held_up + 30_000 + int(chance.random() * 1_500_000)
            self.numbers += 1
            event = MadeEvent(
                arrives_at=min(arrives, window.until),
                occurred_at=at,
                number=self.numbers,
                event_type=event_type,
                customer=customer,
                product=product,
                message_id=f"made-{self.teller.tag}-{self.numbers}",
                data={**data, "made": True},
            )
            self.on_its_way.append(event)
            if chance.random() < REPEATED and len(self.on_its_way) < end:
                self.on_its_way.append(self._again(event))

    def _again(self, event: MadeEvent) -> MadeEvent:
        """Send it once more: the sender did not hear our answer, or lost its memory."""
        wait = self._delay() if self.teller.chance.random() < 0.2 else self.teller.pause(20)
        again = min(event.arrives_at + wait, self.window.until)
        return msgspec.structs.replace(event, arrives_at=again, repeated=True)

    def _delay(self) -> int:
        return min(int(self.teller.chance.expovariate(1 / 6) * HOUR) + SECOND, LATEST)


def _arrival(event: MadeEvent) -> tuple[int, int]:
    return event.arrives_at, event.number
