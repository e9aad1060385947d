from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.models import SavedSegment
from analytics.scoring.segment_answers import Explanation
from analytics.selectors.saved_segments import Why
from analytics.selectors.segment_words import in_words
from crm_project.common.api.serializers import ResourceSerializer, Sparse, StrictFields

_SLUG = RegexValidator(
    r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "Use small letters, digits and single hyphens."
)
MOST_PREVIEWED = 100


@extend_schema_field({"type": "object", "additionalProperties": True})
class RuleField(serializers.JSONField):
    """``{"and": […]}``, ``{"or": […]}``, ``{"not": …}`` or ``{"field", "operator", "value"}``."""


class SavedSegmentSerializer(ResourceSerializer):
    """A rule with a name, and what its last rebuild found.

    ``error`` says in words why the last rebuild failed; the members then stayed as they were.
    ``is_stale``: the rule was changed after the members were found.
    """

    slug = serializers.CharField(
        max_length=60, validators=[_SLUG], help_text="Names it in addresses. It never changes."
    )
    name = serializers.CharField(max_length=100)
    rule = RuleField(help_text="Who is in it; fields and operators: GET /saved-segments/fields.")
    words = serializers.SerializerMethodField(help_text="The rule as a sentence.")
    owner = serializers.CharField(
        source="owner.username", read_only=True, default=None, allow_null=True
    )
    is_stale = serializers.BooleanField(read_only=True)

    class Meta:
        model = SavedSegment
        fields = [
            "slug",
            "name",
            "description",
            "rule",
            "words",
            "owner",
            "is_archived",
            "member_count",
            "added_count",
            "removed_count",
            "built_at",
            "duration_ms",
            "is_stale",
            "error",
            "failed_at",
            "created_at",
            "updated_at",
            "change_reason",
        ]
        read_only_fields = [
            "is_archived",
            "member_count",
            "added_count",
            "removed_count",
            "built_at",
            "duration_ms",
            "error",
            "failed_at",
            "created_at",
            "updated_at",
        ]

    def get_words(self, segment: SavedSegment) -> str:
        return in_words(segment, self.context.get("offered"))

    def validate_slug(self, value: str) -> str:
        if isinstance(self.instance, SavedSegment) and value != self.instance.slug:
            raise serializers.ValidationError("The slug never changes.", "immutable")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            attrs.pop("slug", None)
        return attrs


class MemberSerializer(Sparse, serializers.Serializer[Any]):
    """One customer in a segment. Name and addresses only with the scope ``customers:read``."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    since = serializers.DateTimeField(help_text="The rebuild with which the customer came in.")
    name = serializers.CharField(source="customer.name", required=False)
    email = serializers.CharField(source="customer.email", required=False)
    contactable = serializers.BooleanField(source="customer.contactable", required=False)

    def get_fields(self) -> Any:
        fields = super().get_fields()
        if self.context.get("personal", True):
            return fields
        return {name: field for name, field in fields.items() if name in {"customer", "since"}}


class PreviewQuerySerializer(StrictFields):
    """A rule that nobody has saved, and how many customers to show."""

    rule = RuleField()
    limit = serializers.IntegerField(min_value=0, max_value=MOST_PREVIEWED, default=10)


class SampleSerializer(serializers.Serializer[Any]):
    """A customer who meets the rule, with what it asks about them, in words."""

    customer = serializers.CharField(source="code")
    name = serializers.CharField(required=False)
    values = serializers.DictField(child=serializers.CharField())


class PreviewSerializer(serializers.Serializer[Any]):
    """Who meets a rule now. Without a count it took too long, and ``too_slow`` says so."""

    words = serializers.CharField(help_text="The rule as a sentence.")
    count = serializers.IntegerField(allow_null=True)
    too_slow = serializers.CharField(help_text="Why something is missing; empty: nothing is.")
    customers = SampleSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    """One part of the rule; ``answer`` null: not known. ``found`` is the customer's own value."""

    words = serializers.CharField()
    answer = serializers.BooleanField(allow_null=True)
    found = serializers.CharField()
    parts = serializers.ListField(
        child=serializers.DictField(), help_text="The same for each part of a group."
    )


class WhySerializer(serializers.Serializer[Any]):
    """Whether a customer meets the rule now, and why; ``is_member``: by the last rebuild."""

    customer = serializers.CharField()
    matches = serializers.BooleanField()
    is_member = serializers.BooleanField()
    left_out = serializers.CharField(help_text="Why the customer is in no segment at all.")
    explanation = ExplanationSerializer()


def why_facts(found: Why, *, code: str, is_member: bool) -> dict[str, Any]:
    """Return an answer as ``WhySerializer`` shows it."""
    return {
        "customer": code,
        "matches": found.matches,
        "is_member": is_member,
        "left_out": found.left_out,
        "explanation": _explained(found.explanation),
    }


def _explained(part: Explanation) -> dict[str, Any]:
    return {
        "words": part.words,
        "answer": part.answer,
        "found": part.found,
        "parts": [_explained(inner) for inner in part.parts],
    }


class ChoiceSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class QuestionSerializer(serializers.Serializer[Any]):
    """``takes``: how many values; -1 is a list of one or more."""

    operator = serializers.CharField()
    words = serializers.CharField()
    takes = serializers.IntegerField()


class OfferSerializer(serializers.Serializer[Any]):
    """A field that a rule may ask about."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    group = serializers.CharField()
    kind = serializers.CharField()
    unit = serializers.CharField()
    help = serializers.CharField()
    minimum = serializers.IntegerField(allow_null=True)
    maximum = serializers.IntegerField(allow_null=True)
    choices = ChoiceSerializer(many=True)
    questions = QuestionSerializer(many=True)


class FieldsSerializer(serializers.Serializer[Any]):
    """The fields that this installation offers, in the order in which to show them."""

    results = OfferSerializer(many=True)
