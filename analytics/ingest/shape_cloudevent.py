"""CloudEvents 1.0 in JSON: ``specversion``, ``id``, ``source``, ``type`` and their data."""

from typing import Any

import msgspec

from analytics.ingest import moments, names
from analytics.ingest.envelope import Envelope
from analytics.ingest.event import Event, encode_data, metadata_number, product_of
from analytics.ingest.refusals import Refused

_CUSTOMER_FIELDS = ("customer_id", "customerId", "user_id", "userId")


class CloudEventBody(msgspec.Struct, gc=False):
    """The attributes we use; extension attributes stay in the raw event only."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    data: Any = None
    data_base64: str | None = None
    historical: bool | None = None


def to_event(body: CloudEventBody, envelope: Envelope) -> Event:
    """``subject`` names the customer, or the data does; the type's last word is ours.

    ``com.example.shop.product_viewed`` becomes ``product_viewed``. Source and id together are
    the key by which an event is known again, as the specification says.
    """
    if body.specversion != "1.0":
        raise Refused("invalid", "Only version 1.0 of CloudEvents is read.", "specversion")
    data = _data(body)
    return Event(
        kind="track",
        event_type=names.event_type(body.type.rpartition(".")[2], "type"),
        customer_ref=_customer(body, data),
        product_ref=product_of(data),
        message_id=names.required(names.message_id(body.id, "id"), "id"),
        source=names.required(names.source(body.source, "source"), "source"),
        occurred_at=moments.occurred(body.time, "time", received_at=envelope.received_at),
        historical=bool(body.historical),
        data=encode_data(data),
        response_time_hours=metadata_number(data, "responseTimeHours"),
        interaction_count=metadata_number(data, "interactionCount"),
    )


def _data(body: CloudEventBody) -> dict[str, Any]:
    if isinstance(body.data, dict):
        return body.data
    if body.data is not None:
        return {"value": body.data}
    return {} if body.data_base64 is None else {"data_base64": body.data_base64}


def _customer(body: CloudEventBody, data: dict[str, Any]) -> str:
    named = body.subject or next((data[name] for name in _CUSTOMER_FIELDS if data.get(name)), "")
    if isinstance(named, bool) or not isinstance(named, str | int):
        raise Refused("invalid", "A customer's code is a text or a number.", "data.customer_id")
    return names.required(names.reference(named, "subject"), "subject")
