"""One event on its way: what was received, from whom, when. Never changed after reception."""

import msgspec

SIGNAL, SEGMENT, CLOUDEVENT = "signal", "segment", "cloudevent"
"""The shapes in which events arrive."""


class Envelope(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An event as it was received; all that is later derived from it can be derived again.

    New fields are added at the end, with a default: what waits in the queue during a deployment
    is read by the new code.

    Attributes:
        id: 16 bytes, a UUIDv7 made at reception: receipt, raw event and signal in one.
        received_at: microseconds since 1970 UTC; its millisecond is the id's.
        source: whose message ids these are, unless the event names another source.
        token: prefix of the token that brought it; empty for commands.
        shape: ``signal``, ``segment`` or ``cloudevent``.
        hint: what a Segment endpoint for one kind says about it, like ``track``; else empty.
        sent_at: when the batch was sent, as the sender wrote it; empty when it did not.
        body: exactly the bytes of this one event.
        may_identify: the token may also create and change customers.
    """

    id: bytes
    received_at: int
    source: str
    token: str
    shape: str
    hint: str
    sent_at: str
    body: bytes
    may_identify: bool = False
