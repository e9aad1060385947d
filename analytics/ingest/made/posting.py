"""Made events in the envelopes in which real ones travel from reception to storage."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from analytics.ingest.envelope import Envelope
from analytics.ingest.made.clock import Window
from analytics.ingest.made.stream import MadeEvent, made_events
from analytics.ingest.made.world import World, made_world
from analytics.ingest.made.writing import SOURCE, body

NEW_YEAR = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC in µs: the end of the usual window, fixed so that runs can be compared."""
_RANDOM_BITS = (1 << 62) - 1


def envelopes(
    count: int,
    seed: int = 0,
    *,
    world: World | None = None,
    window: Window | None = None,
) -> Iterator[Envelope]:
    """Yield ``count`` envelopes of made events, as they would have been received.

    Without a world, twenty events fall on each customer; without a window they fall into the
    thirty days before 2026. The same arguments give the same envelopes, ids included.
    """
    events = made_events(
        count,
        world=world or made_world(customers=max(1, count // 20)),
        window=window or Window.of_days(30, until=NEW_YEAR),
        seed=seed,
    )
    return wrap(events)


def wrap(
    events: Iterable[MadeEvent], *, salt: bytes = b"", received_at: int | None = None
) -> Iterator[Envelope]:
    """Put each event into an envelope: received when it arrives, or at ``received_at`` (µs).

    ``salt`` changes the ids, and nothing else: so the same events can be received once more.
    """
    for index, event in enumerate(events):
        received = event.arrives_at if received_at is None else received_at
        yield Envelope(
            id=_uuid7(received, b"%d %b %b" % (index, event.message_id.encode(), salt)),
            received_at=received,
            source=SOURCE,
            token="",
            shape="signal",
            hint="",
            sent_at="",
            body=body(event),
            may_identify=False,
        )


def _uuid7(micros: int, name: bytes) -> bytes:
    """Return a version 7 UUID (RFC 9562, method 3) whose random part is made of ``name``."""
    chance = int.from_bytes(blake2b(name, digest_size=8).digest(), "big") & _RANDOM_BITS
    milliseconds, rest = divmod(micros, 1000)
    number = milliseconds << 80 | 7 << 76 | (rest << 12) // 1000 << 64 | 2 << 62 | chance
    return number.to_bytes(16, "big")
