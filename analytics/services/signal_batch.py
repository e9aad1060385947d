"""A batch of envelopes as PostgreSQL's binary COPY takes it: read, scored, and packed.

Nothing here asks the database. What is packed is in the order of the ids, which is the order in
which rows are written and locked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct

from analytics.ingest.envelope import Envelope
from analytics.ingest.event import Event
from analytics.ingest.events import parse
from analytics.ingest.identity import digest
from analytics.ingest.refusals import Refused
from analytics.scoring.signals import UNKNOWN_HUNDREDTHS, hundredths

COLUMNS = """
    id uuid, received_at timestamptz, occurred_at timestamptz, score smallint,
    may_identify boolean, historical boolean, repeated boolean, digest bytea,
    source text, token text, message_id text, shape text, hint text, sent_at text,
    kind text, event_type text, customer_ref text, product_ref text,
    signal_data jsonb, body bytea
"""
"""The columns of the table that the packed rows are copied into, in their order."""

_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
# 20 fields; then the lengths and values of those whose length is always the same.
_FIXED = Struct(">hi16siqiqihi?i?i?").pack
_LENGTH = Struct(">i").pack
_DATA = Struct(">iB").pack
_NO_DIGEST = b"\xff\xff\xff\xff"
_SENT_AT_CHARACTERS = 40

EPOCH_2000 = 946_684_800 * 1_000_000
"""PostgreSQL counts microseconds from 2000."""
_DAY = 86_400 * 1_000_000

Types = Mapping[str, tuple[str, int]]
"""The name of a type, or another name for it → the type's own name and base score (hundredths)."""


class Poison(ValueError):  # noqa: N818 - the word the worker and the docs use
    """One event of a batch can never be stored; nothing of the batch was touched.

    Attributes:
        index: its place in the batch given to ``store``.
        code: one word, like ``too_deep``.
        detail: a sentence for people, without the event's values.
    """

    def __init__(self, index: int, code: str, detail: str) -> None:
        super().__init__(f"event {index}: {detail}")
        self.index = index
        self.code = code
        self.detail = detail


@dataclass(slots=True)
class Batch:
    """The events of a batch, each id once, in the order of the ids."""

    events: list[tuple[Envelope, Event]]
    twice: int
    """Envelopes that came twice within the batch."""
    keys: int = 0
    """Different message ids."""
    received: set[int] = field(default_factory=set)
    occurred: set[int] = field(default_factory=set)
    """One moment (microseconds since 1970) of each day that raw events and signals fall on."""

    def pack(self, types: Types) -> bytes:
        """Return the rows as binary COPY reads them."""
        first: dict[bytes, bytes] = {}
        received: set[int] = set()
        occurred: set[int] = set()
        parts = [_HEAD]
        for envelope, event in self.events:
            name, base = types.get(event.event_type, (event.event_type, UNKNOWN_HUNDREDTHS))
            key, repeated = _NO_DIGEST, False
            if event.message_id:
                key = digest(event.source, event.message_id)
                repeated = first.setdefault(key, envelope.id) != envelope.id
                key = b"\0\0\0\x10" + key
            received.add(envelope.received_at // _DAY)
            occurred.add(event.occurred_at // _DAY)
            parts.append(_row(envelope, event, name, base, key, repeated))
        parts.append(_END)
        self.keys = len(first)
        self.received = {day * _DAY for day in received}
        self.occurred = {day * _DAY for day in occurred}
        return b"".join(parts)


def read(envelopes: Sequence[Envelope]) -> Batch:
    """Parse every envelope.

    Raises:
        Poison: one can never be stored.
    """
    found: dict[bytes, tuple[Envelope, Event]] = {}
    for index, envelope in enumerate(envelopes):
        try:
            found[envelope.id] = (envelope, parse(envelope))
        except Refused as refused:
            raise Poison(index, refused.code, str(refused)) from refused
    events = [found[key] for key in sorted(found)]
    return Batch(events=events, twice=len(envelopes) - len(events))


def _row(
    envelope: Envelope, event: Event, name: str, base: int, key: bytes, repeated: bool
) -> bytes:
    score = hundredths(base, event.response_time_hours, event.interaction_count)
    message_id = event.message_id.encode()
    customer = event.customer_ref.encode()
    product = event.product_ref.encode()
    data, body = event.data, envelope.body
    return b"".join(
        (
            _FIXED(
                20,
                16,
                envelope.id,
                8,
                envelope.received_at - EPOCH_2000,
                8,
                event.occurred_at - EPOCH_2000,
                2,
                score,
                1,
                envelope.may_identify,
                1,
                event.historical,
                1,
                repeated,
            ),
            key,
            _text(event.source),
            _text(envelope.token),
            _LENGTH(len(message_id)),
            message_id,
            _text(envelope.shape),
            _text(envelope.hint),
            _text(envelope.sent_at[:_SENT_AT_CHARACTERS]),
            _text(event.kind),
            _text(name),
            _LENGTH(len(customer)),
            customer,
            _LENGTH(len(product)),
            product,
            # The byte is the version of jsonb's binary form.
            _DATA(len(data) + 1, 1),
            data,
            _LENGTH(len(body)),
            body,
        )
    )


@lru_cache(maxsize=4096)
def _text(value: str) -> bytes:
    """Return one of the few values that nearly all events share, packed."""
    data = value.encode()
    return _LENGTH(len(data)) + data
