from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm_project.common.api.serializers import MomentField, Sparse, StrictFields
from customers.importers.values import latest_moment
from customers.models import Campaign, Channel, ContactEvent, Purpose
from customers.services.contacts import OUTCOMES

MAX_CONTACTS = 1000


class ContactSerializer(Sparse, serializers.ModelSerializer[ContactEvent]):
    """One message to or from a customer, and what became of it."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    campaign = serializers.CharField(
        source="campaign.code", default=None, allow_null=True, help_text="The campaign's code."
    )

    class Meta:
        model = ContactEvent
        fields = [
            "id",
            "external_id",
            "customer",
            "occurred_at",
            "channel",
            "direction",
            "purpose",
            "status",
            "campaign",
            "created_at",
        ]
        read_only_fields = fields


class ContactInputSerializer(StrictFields):
    """A contact on its way in. What is left out of a known one stays as it is."""

    external_id = serializers.CharField(
        max_length=200, help_text="The sender's id of the message: sent twice, stored once."
    )
    customer = serializers.CharField(max_length=64, help_text="The customer's code, or an old one.")
    occurred_at = MomentField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    direction = serializers.ChoiceField(
        choices=ContactEvent.Direction.choices, required=False, help_text="Else outbound."
    )
    purpose = serializers.ChoiceField(
        choices=Purpose.choices, required=False, help_text="Else marketing."
    )
    status = serializers.ChoiceField(
        choices=ContactEvent.Status.choices,
        required=False,
        help_text="Else sent, or received where it is inbound. It only moves forward: sent,"
        " delivered, opened, clicked, failed, bounced.",
    )
    campaign = serializers.CharField(
        max_length=50, required=False, allow_null=True, help_text="Code of a campaign that exists."
    )

    def validate_occurred_at(self, value: datetime) -> datetime:
        if value > latest_moment(timezone.now()):
            raise serializers.ValidationError("This is in the future.", "in_future")
        return value


@extend_schema_field(ContactInputSerializer(many=True))
class _EachField(serializers.ListField):
    """Items are looked at later, one by one."""


class ContactBatchSerializer(StrictFields):
    """Contacts on their way in. Each stands for itself: a wrong one does not stop the others."""

    contacts = _EachField(allow_empty=False, max_length=MAX_CONTACTS)


class TakenContactSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    external_id = serializers.CharField()
    id = serializers.IntegerField(help_text="For GET /contacts/{id}.")
    outcome = serializers.ChoiceField(choices=OUTCOMES)


class RejectedContactSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    external_id = serializers.CharField(allow_null=True)
    attr = serializers.CharField(allow_null=True, help_text="The field that is wrong.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ContactBatchAnswerSerializer(serializers.Serializer[Any]):
    """What became of each contact: it stands in ``results`` or in ``rejected``."""

    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    results = TakenContactSerializer(many=True)
    rejected = RejectedContactSerializer(many=True)


class CampaignSerializer(Sparse, serializers.ModelSerializer[Campaign]):
    """A planned contact: over which channel, for what, when, at what cost."""

    class Meta:
        model = Campaign
        fields = [
            "id",
            "code",
            "name",
            "channel",
            "purpose",
            "cost",
            "starts_at",
            "ends_at",
            "contact_at",
            "holdout_share",
            "window_days",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields
