from typing import Any

from rest_framework import serializers

from analytics.models import QuarantinedEvent, Signal, SignalType
from analytics.selectors.signal_receipts import Where
from crm_project.common.api.moments import EARLIEST, LATEST
from crm_project.common.api.serializers import Sparse, StrictFields

_REASON_LENGTH = 300


class SignalSerializer(Sparse, serializers.ModelSerializer[Signal]):
    """One thing that a customer did, or that was done towards them."""

    customer = serializers.CharField(
        source="customer.code",
        default=None,
        allow_null=True,
        help_text="The customer's code; null while nobody has the code that was sent.",
    )
    product = serializers.CharField(
        source="product.key", default=None, allow_null=True, help_text="The product's key."
    )
    score = serializers.FloatField(help_text="0 to 1: the type's base score and modifiers.")
    signal_class = serializers.ChoiceField(
        choices=SignalType.Class.choices, help_text="The class of the type; empty: none."
    )
    signal_data = serializers.DictField(help_text="What the sender told about it.")

    class Meta:
        model = Signal
        fields = [
            "id",
            "event_type",
            "signal_class",
            "score",
            "customer",
            "customer_ref",
            "product",
            "product_ref",
            "occurred_at",
            "received_at",
            "created_at",
            "source",
            "message_id",
            "kind",
            "historical",
            "signal_data",
        ]
        read_only_fields = fields


class DayField(serializers.DateField):
    """A day within the years that business knows."""

    default_error_messages = {"range": "Give a day between 1900 and 2200."}

    def to_internal_value(self, value: Any) -> Any:
        day = super().to_internal_value(value)
        if not EARLIEST.date() <= day < LATEST.date():
            self.fail("range")
        return day


class StatisticsQuerySerializer(StrictFields):
    """Which days. Both ends are included, in the business's time zone."""

    first_day = DayField(required=False, help_text="29 days before the last one unless given.")
    last_day = DayField(required=False, help_text="Today unless given.")
    event_type = serializers.CharField(
        required=False, max_length=50, help_text="Only this type, like add_to_cart."
    )


class TypeTotalSerializer(serializers.Serializer[Any]):
    """Signals of one type over the whole period."""

    event_type = serializers.CharField()
    signal_class = serializers.ChoiceField(choices=SignalType.Class.choices)
    signals = serializers.IntegerField()
    mean_score = serializers.FloatField()
    max_score = serializers.FloatField()


class DayCountSerializer(serializers.Serializer[Any]):
    """Signals of one day and type."""

    day = serializers.DateField()
    event_type = serializers.CharField()
    signals = serializers.IntegerField()
    customers = serializers.IntegerField(help_text="Known customers with such a signal.")
    mean_score = serializers.FloatField()
    max_score = serializers.FloatField()


class SignalStatisticsSerializer(serializers.Serializer[Any]):
    """Signals by day and type. Today is counted now, earlier days were ``as_of``."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    as_of = serializers.DateTimeField(
        allow_null=True, help_text="When earlier days were last counted; null: never."
    )
    signals = serializers.IntegerField(help_text="Of the whole period.")
    by_type = TypeTotalSerializer(many=True, help_text="The most frequent type first.")
    by_day = DayCountSerializer(many=True, help_text="The newest day first.")


class MinuteSerializer(serializers.Serializer[Any]):
    """What happened in one minute, in events."""

    minute = serializers.DateTimeField()
    accepted = serializers.IntegerField()
    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    quarantined = serializers.IntegerField()
    depth = serializers.IntegerField(
        allow_null=True, help_text="Waiting at its end; null: nobody counted."
    )


class ConsumerSerializer(serializers.Serializer[Any]):
    """A worker of the queue."""

    name = serializers.CharField()
    host = serializers.CharField()
    pid = serializers.IntegerField(allow_null=True)
    pending = serializers.IntegerField(help_text="Entries of the queue that it holds.")
    idle = serializers.FloatField(help_text="Seconds since it last took one.")
    seen = serializers.DateTimeField(
        allow_null=True, help_text="Its last sign of life; null: it is dead."
    )
    state = serializers.CharField()
    alive = serializers.BooleanField()


class QueueSerializer(serializers.Serializer[Any]):
    """The state of the signal queue now. All zero and not available while it is away."""

    as_of = serializers.DateTimeField()
    available = serializers.BooleanField()
    durable = serializers.BooleanField(help_text="What it acknowledges is on disk.")
    not_durable_reason = serializers.CharField()
    depth = serializers.IntegerField(help_text="Events accepted and not yet finished.")
    entries = serializers.IntegerField(help_text="Pieces of the queue that they lie in.")
    pending = serializers.IntegerField(help_text="Pieces that workers hold.")
    bytes = serializers.IntegerField()
    max_events = serializers.IntegerField(help_text="With more waiting, new ones get 503.")
    max_bytes = serializers.IntegerField(help_text="With more waiting, new ones get 503.")
    oldest_waiting_seconds = serializers.FloatField()
    accepted_total = serializers.IntegerField()
    done_total = serializers.IntegerField()
    accepted_per_second = serializers.FloatField(help_text="Over the last minute.")
    stored_per_second = serializers.FloatField(help_text="Over the last minute.")
    quarantined = serializers.IntegerField(
        allow_null=True, help_text="Events that wait in quarantine; null: unknown."
    )
    consumers = ConsumerSerializer(many=True)
    history = MinuteSerializer(many=True, help_text="The last hour, the oldest minute first.")


class ReceiptSerializer(serializers.Serializer[Any]):
    """Where one event is. It never tells what the event says."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=[where.value for where in Where])
    received_at = serializers.DateTimeField()
    stored_at = serializers.DateTimeField(allow_null=True)
    signal_id = serializers.UUIDField(allow_null=True, help_text="For GET /signals/{id}.")
    duplicate_of = serializers.UUIDField(
        allow_null=True, help_text="The event that came first with the same message id."
    )
    reason = serializers.CharField(help_text="Why it is in quarantine, or was discarded.")


class QuarantinedSerializer(Sparse, serializers.ModelSerializer[QuarantinedEvent]):
    """An event that was acknowledged and cannot be stored, with the reason."""

    class Meta:
        model = QuarantinedEvent
        fields = [
            "id",
            "received_at",
            "source",
            "message_id",
            "shape",
            "code",
            "reason",
            "attempts",
            "quarantined_at",
            "last_attempt_at",
            "resolution",
            "resolved_at",
            "resolved_by",
        ]
        read_only_fields = fields


class QuarantinedDetailSerializer(QuarantinedSerializer):
    """The same with what was received."""

    body = serializers.SerializerMethodField(
        help_text="What was received, as text; bytes that are no text are replaced."
    )

    class Meta(QuarantinedSerializer.Meta):
        fields = [*QuarantinedSerializer.Meta.fields, "body"]
        read_only_fields = fields

    def get_body(self, event: QuarantinedEvent) -> str:
        return bytes(event.body).decode("utf-8", errors="replace")


class DiscardSerializer(StrictFields):
    """Why an event is given up."""

    reason = serializers.CharField(max_length=_REASON_LENGTH)


class ReplaySerializer(StrictFields):
    """Which open events to try again, the oldest first, up to 10,000: all that match."""

    code = serializers.CharField(
        required=False, max_length=40, help_text="Only those with exactly this reason."
    )
    source = serializers.CharField(  # type: ignore[assignment] # a field named like an argument
        required=False, max_length=200, help_text="Only those of this source."
    )
