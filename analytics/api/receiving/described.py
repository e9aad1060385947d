"""What the API's description says about receiving events."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers

from analytics.ingest import limits
from analytics.ingest.shape_segment import KINDS
from analytics.services.signal_endpoints import CLOUDEVENT_BATCH_JSON, CLOUDEVENT_JSON, JSON


class SignalSend(serializers.Serializer[Any]):
    """One signal."""

    event_type = serializers.CharField(
        max_length=200, help_text="What happened; kept in snake_case, at most 50 characters."
    )
    customer_id = serializers.CharField(
        max_length=limits.REFERENCE_CHARACTERS,
        help_text="The customer's code or an alias; one not known yet is linked later.",
    )
    signal_data = serializers.DictField(
        required=False, help_text="Anything else worth keeping; product_id or sku name a product."
    )
    message_id = serializers.CharField(
        required=False,
        max_length=limits.MESSAGE_ID_CHARACTERS,
        help_text="Your id of this event: the same one is stored once, whenever it comes again.",
    )
    occurred_at = serializers.DateTimeField(required=False, help_text="Now, unless given.")
    product_id = serializers.CharField(required=False, max_length=limits.REFERENCE_CHARACTERS)
    source = serializers.CharField(  # type: ignore[assignment] # a field that is called so
        required=False,
        max_length=limits.SOURCE_CHARACTERS,
        help_text="Whose message ids these are; the token's name unless given.",
    )
    historical = serializers.BooleanField(
        required=False, help_text="Recorded without starting anything."
    )
    metadata = serializers.DictField(
        required=False, help_text="responseTimeHours and interactionCount raise the score."
    )


class SignalBatchSend(serializers.Serializer[Any]):
    """Up to 2,500 signals in 500 KB; a plain list is understood, too."""

    signals = SignalSend(many=True)


class EventReceiptSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Place of the event in the request, from 0.")
    status = serializers.ChoiceField(["accepted", "duplicate", "rejected"])
    id = serializers.UUIDField(required=False, help_text="Ask for it at /api/v1/receipts/{id}.")
    message_id = serializers.CharField(required=False)


class EventRejectedSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    message_id = serializers.CharField(allow_blank=True)
    code = serializers.CharField(help_text="One word for programs.")
    detail = serializers.CharField(help_text="A sentence for people.")


class EventsAcceptedSerializer(serializers.Serializer[Any]):
    """What became of the events; what is accepted or a duplicate lies on disk."""

    batch_id = serializers.UUIDField()
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField(help_text="As far as known now; the receipt is final.")
    rejected = EventRejectedSerializer(many=True)
    receipts = EventReceiptSerializer(many=True)


PROBLEMS = {
    "400": "The body cannot be read.",
    "401": "No token, or a wrong, expired or revoked one.",
    "403": "The token lacks the scope.",
    "413": "The body is larger than 32 KB for one event, 500 KB or 2,500 events for a batch.",
    "415": "The content type or the encoding is not understood.",
    "422": "None of the events can be taken; errors says why.",
    "429": "More events than this token may send; wait as Retry-After says.",
    "503": "The queue cannot keep events at the moment; send them again as Retry-After says.",
}
_SIGNAL = OpenApiExample(
    "A view",
    value={
        "event_type": "product_viewed",
        "customer_id": "17850",
        "signal_data": {"product_id": "85123A", "channel": "web"},
        "message_id": "0b1c6e3f-5a",
        "occurred_at": "2026-01-31T12:00:00Z",
    },
    request_only=True,
)


def _described(summary: str, status: int, request: Any, examples: Any = ()) -> Any:
    return extend_schema(
        summary=summary,
        tags=["signals"],
        request=request,
        responses={(status, JSON): EventsAcceptedSerializer},
        examples=list(examples),
    )


def _segment(summary: str) -> Any:
    message = {"type": "object", "additionalProperties": True}
    return _described(summary, 200, {JSON: message})


DESCRIBED: dict[str, Any] = {
    "signals": _described("Send one signal", 202, {JSON: SignalSend}, [_SIGNAL]),
    "signals_batch": _described("Send many signals", 202, {JSON: SignalBatchSend}),
    "events": _described(
        "Send CloudEvents",
        202,
        {
            CLOUDEVENT_JSON: {"type": "object", "additionalProperties": True},
            CLOUDEVENT_BATCH_JSON: {"type": "array", "items": {"type": "object"}},
        },
    ),
    "batch": _segment("Send many messages of a Segment library"),
    "import_": _segment("Send many messages of a Segment library, from the past"),
    **{kind: _segment(f"Send one {kind} message of a Segment library") for kind in KINDS},
}
"""By the action of the view."""
