"""An event as all shapes mean it."""

from typing import Any

import msgspec

from analytics.ingest import limits
from analytics.ingest.refusals import Refused

_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is stored of an event, whoever sent it in whichever shape.

    Attributes:
        kind: ``track``, ``identify``, ``alias``, ``group``, ``page`` or ``screen``.
        event_type: snake_case, at most 50 characters.
        customer_ref: the customer's code, alias or anonymous id, as it was sent.
        product_ref: the product's key as it was sent; empty when none.
        message_id: the sender's own id of this event; empty when none.
        source: whose message ids these are.
        occurred_at: microseconds since 1970 UTC.
        historical: stored and scored, but it starts nothing.
        data: a JSON object: properties, traits or signal_data.
        previous_ref: what the customer was called before: of an alias, or the anonymous id that
            an identify event puts a user's id to; empty otherwise.
        anonymous: the reference is an anonymous id: somebody's browser, not a customer's code.
        response_time_hours, interaction_count: what the score asks for; None when not told.
    """

    kind: str
    event_type: str
    customer_ref: str
    product_ref: str
    message_id: str
    source: str
    occurred_at: int
    historical: bool
    data: bytes
    previous_ref: str = ""
    anonymous: bool = False
    response_time_hours: float | None = None
    interaction_count: float | None = None


def encode_data(data: dict[str, Any]) -> bytes:
    """Return the JSON that PostgreSQL gets: numbers as doubles, the last of equal keys."""
    try:
        return _encode(data)
    except RecursionError as error:
        raise Refused("too_deep", "Objects and lists are nested too deeply.") from error


def metadata_number(data: dict[str, Any], name: str) -> float | None:
    """Return a number that an event tells about itself, in ``metadata`` or beside it.

    >>> metadata_number({"metadata": {"interactionCount": 4}}, "interactionCount")
    4.0
    >>> metadata_number({"interactionCount": "many"}, "interactionCount") is None
    True
    """
    metadata = data.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    if value is None:
        value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def product_of(data: dict[str, Any]) -> str:
    """Return the product that the data of an event names; what cannot be a key names none.

    >>> product_of({"sku": 85123})
    '85123'
    """
    value = data.get("product_id")
    if value is None or value == "":
        value = data.get("sku")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if len(text) <= limits.REFERENCE_CHARACTERS else ""
