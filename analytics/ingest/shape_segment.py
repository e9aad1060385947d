"""The shape of the Segment libraries: a ``type`` with its own fields, camelCase."""

from typing import Any

import msgspec

from analytics.ingest import moments, names
from analytics.ingest.envelope import Envelope
from analytics.ingest.event import Event, encode_data, metadata_number, product_of
from analytics.ingest.refusals import Refused

KINDS = frozenset({"track", "identify", "alias", "group", "page", "screen"})
_WITH_TRAITS = frozenset({"identify", "group"})


class SegmentBody(msgspec.Struct, rename="camel", gc=False):
    """What we use of a Segment message; its other fields stay in the raw event only."""

    type: str | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    group_id: str | int | None = None
    event: str | None = None
    name: Any = None
    category: Any = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    message_id: str | int | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    historical: bool | None = None


def to_event(body: SegmentBody, envelope: Envelope) -> Event:
    kind = envelope.hint or body.type or ""
    if kind not in KINDS:
        raise Refused("unknown_type", f"The type is one of {', '.join(sorted(KINDS))}.", "type")
    data = _data(kind, body)
    return Event(
        kind=kind,
        event_type=names.event_type(_event_name(kind, body), "event"),
        customer_ref=_customer(body),
        product_ref=product_of(data),
        message_id=names.message_id(body.message_id, "messageId"),
        source=envelope.source,
        occurred_at=moments.occurred(
            body.timestamp or body.original_timestamp,
            "timestamp",
            received_at=envelope.received_at,
            sent_at=body.sent_at or envelope.sent_at,
        ),
        historical=bool(body.historical),
        data=encode_data(data),
        previous_ref=_previous(kind, body),
        anonymous=not names.reference(body.user_id, "userId"),
        response_time_hours=metadata_number(data, "responseTimeHours"),
        interaction_count=metadata_number(data, "interactionCount"),
    )


def _event_name(kind: str, body: SegmentBody) -> str:
    if kind != "track":
        return kind
    return names.required(body.event or "", "event")


def _customer(body: SegmentBody) -> str:
    known = names.reference(body.user_id, "userId")
    return names.required(known or names.reference(body.anonymous_id, "anonymousId"), "userId")


def _previous(kind: str, body: SegmentBody) -> str:
    """Return the other name by which this customer was known.

    Who signs in sends identify with both ids: what the browser did before is theirs.
    """
    if kind == "alias":
        return names.required(names.reference(body.previous_id, "previousId"), "previousId")
    if kind == "identify" and names.reference(body.user_id, "userId"):
        return names.reference(body.anonymous_id, "anonymousId")
    return ""


def _data(kind: str, body: SegmentBody) -> dict[str, Any]:
    """Return properties or traits, and what stands beside them in the message."""
    data = dict((body.traits if kind in _WITH_TRAITS else body.properties) or {})
    if kind == "group":
        # A group is an account of the sender's; which one is all that it says.
        data.setdefault("groupId", names.reference(body.group_id, "groupId"))
    if kind in {"page", "screen"}:
        for name, value in (("name", body.name), ("category", body.category)):
            if isinstance(value, str):
                data.setdefault(name, value)
    return data
