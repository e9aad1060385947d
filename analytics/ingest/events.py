"""From the bytes of one event to what it means; the same answer at reception and in the worker.

The result depends on the envelope alone, never on the clock or on the database: a replay next
year reads what the first pass read.
"""

from typing import Any

import msgspec

from analytics.ingest import limits, shape_cloudevent, shape_segment, shape_signal
from analytics.ingest.envelope import CLOUDEVENT, SEGMENT, SIGNAL, Envelope
from analytics.ingest.event import Event as Event
from analytics.ingest.refusals import Refused as Refused
from analytics.ingest.refusals import from_decoding
from analytics.ingest.storable import check_depth, check_values

_SIGNAL = msgspec.json.Decoder(shape_signal.SignalBody).decode
_SEGMENT = msgspec.json.Decoder(shape_segment.SegmentBody).decode
_CLOUDEVENT = msgspec.json.Decoder(shape_cloudevent.CloudEventBody).decode
_SHAPES: dict[str, tuple[Any, Any]] = {
    SIGNAL: (_SIGNAL, shape_signal.to_event),
    SEGMENT: (_SEGMENT, shape_segment.to_event),
    CLOUDEVENT: (_CLOUDEVENT, shape_cloudevent.to_event),
}


def parse(envelope: Envelope) -> Event:
    """Return what an event means.

    >>> body = b'{"event_type": "Product Viewed", "customer_id": 17850, "product_id": "85123A"}'
    >>> event = parse(Envelope(bytes(16), 0, "shop", "", "signal", "", "", body))
    >>> event.event_type, event.customer_ref, event.product_ref, event.source
    ('product_viewed', '17850', '85123A', 'shop')

    Raises:
        Refused: it can never be stored; the code and the words say why.
    """
    body = envelope.body
    if len(body) > limits.EVENT_BYTES:
        raise Refused("too_large", f"An event has at most {limits.EVENT_BYTES} bytes.")
    check_depth(body)
    if envelope.shape not in _SHAPES:
        raise Refused("invalid", "The shape of this event is not known.")
    if "\0" in envelope.sent_at:
        # Of the batch, so not among the values below.
        raise Refused("not_storable", "A text holds a NUL character.", "sentAt")
    decode, to_event = _SHAPES[envelope.shape]
    try:
        fields = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise from_decoding(error, body) from error
    check_values(msgspec.structs.astuple(fields), body)
    event: Event = to_event(fields, envelope)
    return event
