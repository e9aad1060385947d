"""Made signals as they would come in: a few each second, happening now, into the queue."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, islice

import msgspec
import structlog

from analytics.ingest.made import MadeEvent, Window, World, made_events
from analytics.selectors.made_world import world_of_shop
from analytics.services.made_signals import not_in_production
from analytics.services.made_sinks import sink
from analytics.signal_stream import QueueError
from crm_project.common.exceptions import CrmError

logger = structlog.get_logger(__name__)

ROUND = 40_000
"""So many events are told as one day's stories; then another day's begin."""
SHORTEST_STEP = 0.1
"""Seconds; more than ten a second are sent several at once."""


def make_visits(
    *,
    per_second: float,
    customers: int,
    wait: Callable[[float], bool],
    seed: int = 0,
    purchases: bool = True,
    in_production: bool = False,
) -> int:
    """Send made signals into the queue at a steady rate until told to stop; return how many.

    What the queue does not take is left out, and it goes on: a demonstration outlives a restart.

    Args:
        wait: waits so many seconds; returns whether to stop.
        purchases: without, nobody buys, because only real orders shall count.

    Raises:
        CrmError: it is production, or the rate makes no sense.
    """
    not_in_production(in_production)
    if per_second <= 0:
        raise CrmError("Give a number of signals per second above 0.")
    world = world_of_shop(customers=customers)
    events = _endless(world if purchases else replace(world, orders=()), seed)
    step = max(1 / per_second, SHORTEST_STEP)
    sent = 0
    with sink("queue") as take:
        while not wait(step):
            batch = [_now(event) for event in islice(events, max(1, round(per_second * step)))]
            try:
                take(batch)
            except QueueError as error:
                logger.warning("made signals not taken", why=str(error))
            else:
                sent += len(batch)
    return sent


def _endless(world: World, seed: int) -> Iterator[MadeEvent]:
    for number in count(seed):
        day = Window.of_days(1, until=time.time_ns() // 1000)
        yield from made_events(ROUND, world=world, window=day, seed=number)


def _now(event: MadeEvent) -> MadeEvent:
    """Let it arrive now, and have happened as long before as it was told."""
    now = time.time_ns() // 1000
    on_its_way = event.arrives_at - event.occurred_at
    return msgspec.structs.replace(event, arrives_at=now, occurred_at=now - on_its_way)
