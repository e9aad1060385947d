"""Shapes of the outcomes."""

from typing import Any

from rest_framework import serializers

from crm_project.common.api.serializers import MomentField, Sparse, StrictFields
from recommendations.models import OutcomeEvent, UpliftReport
from recommendations.services.outcomes import ANSWERS


class UpliftReportSerializer(Sparse, serializers.ModelSerializer[UpliftReport]):
    """A report in short: what it is about, and what it says in words."""

    campaign: Any = serializers.SlugRelatedField(
        slug_field="code", read_only=True, help_text="Null: all campaigns together."
    )

    class Meta:
        model = UpliftReport
        fields = ["id", "campaign", "as_of", "window_days", "words", "created_at"]
        read_only_fields = fields


class UpliftReportDetailSerializer(UpliftReportSerializer):
    """A report with its numbers. What cannot be told is null, and ``reason`` says why."""

    results = serializers.JSONField(
        help_text="Overall, by campaign, scenario and segment: both arms, the sample-ratio test, "
        "differences with 95 % intervals, or the customers still needed; levels, runs, alarms."
    )

    class Meta(UpliftReportSerializer.Meta):
        fields = [*UpliftReportSerializer.Meta.fields, "results"]
        read_only_fields = fields


class MeasureSerializer(StrictFields):
    """What to measure."""

    as_of = serializers.DateField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The end of this local day counts; by default today. Of a day before "
        "the one that outcomes are known up to, only the reports are made.",
    )
    everything = serializers.BooleanField(
        default=False, help_text="Look at all orders again, after a late import."
    )


class AnswerSerializer(StrictFields):
    """What a customer answered to a recommended product."""

    kind = serializers.ChoiceField(
        choices=[(kind.value, kind.label) for kind in ANSWERS],
        help_text="Purchases are not taken: they are found among the orders.",
    )
    value = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=1,
        help_text="Of satisfaction only: 0 (worst) to 1 (best).",
    )
    occurred_at = MomentField(
        required=False, allow_null=True, default=None, help_text="By default now."
    )
    external_id = serializers.CharField(
        required=False,
        allow_blank=False,
        max_length=200,
        default=None,
        help_text="The sender's id of the answer: sent twice, it is stored once.",
    )


class OutcomeSerializer(serializers.ModelSerializer[OutcomeEvent]):
    """An outcome as it is stored."""

    customer: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    product: Any = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = OutcomeEvent
        fields = ["id", "customer", "kind", "item_id", "product", "value", "occurred_at", "source",
                  "external_id"]  # fmt: skip
        read_only_fields = fields
