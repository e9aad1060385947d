from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.serializers import MomentField
from crm_project.common.api.views import CrmViewSet
from customers.models import SCENARIOS, Campaign, Channel, Purpose
from customers.selectors.customers import by_code
from recommendations.scoring.contact_words import sentence_of
from recommendations.selectors.contactability import CODES, Decision, decide_one


class QuestionSerializer(serializers.Serializer[Any]):
    """May we contact somebody: on which channel, for what, when."""

    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)
    campaign = serializers.SlugRelatedField(
        slug_field="code", queryset=Campaign.objects.all(), required=False
    )
    scenario = serializers.ChoiceField(choices=[(name, name) for name in SCENARIOS], required=False)
    at = MomentField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A campaign says its channel and purpose."""
        campaign = attrs.get("campaign")
        for name in ("channel", "purpose"):
            usual = getattr(campaign, name) if campaign else None
            if campaign and attrs.setdefault(name, usual) != usual:
                raise serializers.ValidationError(
                    {name: [f"The campaign has another {name}: {usual}."]}
                )
        if "channel" not in attrs:
            raise serializers.ValidationError(
                {"channel": [serializers.ErrorDetail("Give a channel or a campaign.", "required")]}
            )
        return attrs


class FailingRuleSerializer(serializers.Serializer[Any]):
    """One rule that speaks against it."""

    code = serializers.ChoiceField(choices=CODES)
    words = serializers.CharField()


class ContactabilitySerializer(serializers.Serializer[Any]):
    """Whether a customer may be contacted, and what speaks against it."""

    customer = serializers.CharField(help_text="The customer's code.")
    channel = serializers.ChoiceField(choices=Channel.choices)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    campaign = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(help_text="The moment that the answer is about.")
    allowed = serializers.BooleanField()
    code = serializers.CharField(help_text="The first rule that fails; empty if none does.")
    codes = FailingRuleSerializer(many=True, help_text="All rules that fail, in their order.")
    words = serializers.CharField(help_text="The answer in sentences.")
    next_allowed_at = serializers.DateTimeField(
        allow_null=True,
        help_text="The first moment at which nothing known today speaks against it; null where"
        " none does now, or no day ends it.",
    )
    evidence = serializers.DictField(help_text="What shows it: dates, counts, limits, blocks.")


def _parameter(name: str, kind: Any, words: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, description=words, **more)


PARAMETERS = [
    _parameter("channel", str, "Needed unless a campaign says it.", enum=[*Channel.values]),
    _parameter("purpose", str, "Else marketing.", enum=[*Purpose.values]),
    _parameter("campaign", str, "Code of a campaign: it says channel, purpose and moment."),
    _parameter("scenario", str, "For exceptions from the silence window.", enum=[*SCENARIOS]),
    _parameter("at", OpenApiTypes.DATETIME, "Another moment than now."),
]


@extend_schema(tags=["contacts"])
class ContactabilityViewSet(CrmViewSet):
    """May we contact this customer now, on this channel, for this purpose?"""

    serializer_class = ContactabilitySerializer
    pagination_class = None
    filter_backends: list[Any] = []
    extra_parameters = {"retrieve": ("channel", "purpose", "campaign", "scenario", "at")}
    required_scopes = {"retrieve": "contactability:read"}
    staff_permissions = {"retrieve": "customers.view_customer"}

    @extend_schema(
        summary="May we contact this customer?",
        parameters=PARAMETERS,
        operation_id="customer_contactability_retrieve",
        responses=ContactabilitySerializer,
    )
    def retrieve(self, request: Request, code: str) -> Response:
        """Every rule that fails, what shows it, and the next moment at which contact is allowed."""
        customer = by_code(code)
        if customer is None:
            raise Http404
        asked = self.checked(QuestionSerializer(data=request.query_params.dict()))
        found = decide_one(customer_id=customer.pk, **asked)
        return Response(ContactabilitySerializer(_shown(customer.code, asked, found)).data)


def _shown(code: str, asked: dict[str, Any], found: Decision) -> dict[str, Any]:
    campaign = asked.get("campaign")
    return {
        "customer": code,
        "channel": asked["channel"],
        "purpose": asked.get("purpose", Purpose.MARKETING),
        "campaign": campaign.code if campaign else None,
        "at": found.at,
        "allowed": found.allowed,
        "code": found.code,
        "codes": [{"code": one, "words": sentence_of(one, found.evidence)} for one in found.codes],
        "words": found.words,
        "next_allowed_at": found.next_allowed_at,
        "evidence": found.evidence,
    }
