from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm_project.common.api.serializers import MomentField, ReasonField, Sparse, StrictFields
from customers.importers.values import latest_moment
from customers.models import Channel, Consent, ContactBlock, Purpose
from customers.services.consents import OUTCOMES

MAX_CONSENTS = 1000
_CUSTOMER = "The customer's code, or an old one."


def _not_in_future(value: datetime) -> None:
    if value > latest_moment(timezone.now()):
        raise serializers.ValidationError("This is in the future.", "in_future")


class ConsentSerializer(Sparse, serializers.ModelSerializer[Consent]):
    """What a customer allowed or refused on a channel, for a purpose: where and when."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")

    class Meta:
        model = Consent
        fields = [
            "id",
            "customer",
            "channel",
            "purpose",
            "status",
            "source",
            "decided_at",
            "updated_at",
        ]
        read_only_fields = fields


class ConsentInputSerializer(StrictFields):
    """A decision of a customer on its way in."""

    customer = serializers.CharField(max_length=64, help_text=_CUSTOMER)
    channel = serializers.ChoiceField(choices=Channel.choices)
    purpose = serializers.ChoiceField(
        choices=Purpose.choices, required=False, help_text="Else marketing."
    )
    status = serializers.ChoiceField(choices=Consent.Status.choices)
    source = serializers.CharField(  # type: ignore[assignment] # a field named like an argument
        max_length=100, help_text="Where it was given, like checkout."
    )
    decided_at = MomentField(validators=[_not_in_future], help_text="When the customer decided.")


@extend_schema_field(ConsentInputSerializer(many=True))
class _EachField(serializers.ListField):
    """Items are looked at later, one by one."""


class ConsentBatchSerializer(StrictFields):
    """Decisions on their way in. Each stands for itself: a wrong one does not stop the others."""

    consents = _EachField(allow_empty=False, max_length=MAX_CONSENTS)
    change_reason = ReasonField()


class TakenConsentSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    id = serializers.IntegerField(help_text="For GET /consents/{id}.")
    outcome = serializers.ChoiceField(choices=OUTCOMES)


class RejectedConsentSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    customer = serializers.CharField(allow_null=True)
    attr = serializers.CharField(allow_null=True, help_text="The field that is wrong.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ConsentBatchAnswerSerializer(serializers.Serializer[Any]):
    """What became of each decision: it stands in ``results`` or in ``rejected``."""

    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    results = TakenConsentSerializer(many=True)
    rejected = RejectedConsentSerializer(many=True)


class BlockSerializer(Sparse, serializers.ModelSerializer[ContactBlock]):
    """An opt-out, a bounce or a pause."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")

    class Meta:
        model = ContactBlock
        fields = [
            "id",
            "customer",
            "channel",
            "kind",
            "reason",
            "source",
            "since",
            "until",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class BlockInputSerializer(StrictFields):
    """Somebody to be left alone."""

    customer = serializers.CharField(max_length=64, help_text=_CUSTOMER)
    kind = serializers.ChoiceField(choices=ContactBlock.Kind.choices)
    reason = serializers.ChoiceField(
        choices=ContactBlock.Reason.choices, required=False, help_text="Else ASKED."
    )
    channel = serializers.ChoiceField(
        choices=Channel.choices,
        required=False,
        allow_blank=True,
        help_text="Else, or empty: all channels.",
    )
    source = serializers.CharField(  # type: ignore[assignment] # a field named like an argument
        max_length=100, help_text="Who told us: the mail system, a call, a person."
    )
    since = MomentField(required=False, help_text="Else now.")
    until = MomentField(
        required=False,
        allow_null=True,
        help_text="From here on contact is allowed again. A pause needs it; else it is for good.",
    )
    change_reason = ReasonField()


class BlockChangeSerializer(StrictFields):
    """Another end of a block."""

    until = MomentField(allow_null=True, help_text="Null: for good.")
    change_reason = ReasonField()
