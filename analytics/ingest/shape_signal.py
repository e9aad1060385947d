"""Our own shape: ``{"event_type", "customer_id", "signal_data", …}``."""

from typing import Any

import msgspec

from analytics.ingest import moments, names
from analytics.ingest.envelope import Envelope
from analytics.ingest.event import Event, encode_data, metadata_number, product_of


class SignalBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fields of one signal. An unknown one is refused: it may be a misspelt ``message_id``."""

    event_type: str
    customer_id: str | int
    signal_data: dict[str, Any] | None = None
    message_id: str | int | None = None
    occurred_at: str | None = None
    product_id: str | int | None = None
    source: str | None = None
    historical: bool | None = None
    metadata: dict[str, Any] | None = None


def to_event(body: SignalBody, envelope: Envelope) -> Event:
    data = body.signal_data or {}
    if body.metadata is not None and "metadata" not in data:
        data = {**data, "metadata": body.metadata}
    occurred_at = moments.occurred(
        body.occurred_at,
        "occurred_at",
        received_at=envelope.received_at,
        sent_at=envelope.sent_at,
    )
    return Event(
        kind="track",
        event_type=names.event_type(body.event_type, "event_type"),
        customer_ref=names.required(
            names.reference(body.customer_id, "customer_id"), "customer_id"
        ),
        product_ref=names.reference(body.product_id, "product_id") or product_of(data),
        message_id=names.message_id(body.message_id, "message_id"),
        source=names.source(body.source, "source") or envelope.source,
        occurred_at=occurred_at,
        historical=bool(body.historical),
        data=encode_data(data),
        response_time_hours=metadata_number(data, "responseTimeHours"),
        interaction_count=metadata_number(data, "interactionCount"),
    )
