"""How a made event looks when it is sent: the JSON that ``POST /api/v1/signals`` takes."""

from datetime import UTC, datetime, timedelta

import msgspec

from analytics.ingest.made.stream import MadeEvent

SOURCE = "generated"
"""The source of every made signal; nothing real may use it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Money as JSON numbers with its own decimals, as shops send it.
_JSON = msgspec.json.Encoder(decimal_format="number")


def body(event: MadeEvent) -> bytes:
    """Return the event in the shape of one signal, as UTF-8 JSON.

    It is marked ``historical``, so that nobody is offered or told anything because of it.
    """
    return _JSON.encode(fields(event))


def fields(event: MadeEvent) -> dict[str, object]:
    """Return what is sent, by name, without the empty ones."""
    sent: dict[str, object] = {
        "event_type": event.event_type,
        "customer_id": event.customer,
        "signal_data": event.data,
        "message_id": event.message_id,
        "occurred_at": _EPOCH + timedelta(microseconds=event.occurred_at),
        "source": SOURCE,
        "historical": True,
    }
    if event.product:
        sent["product_id"] = event.product
    return sent
