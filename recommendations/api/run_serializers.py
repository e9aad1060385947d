from typing import Any

from rest_framework import serializers

from crm_project.common.api.serializers import ObjectField, Sparse, StrictFields
from recommendations.models import RecoConfig, RecoExclusion, RecoItem, RecoRun

MOST_CUSTOMERS = 1_000
LONGEST_CODE = 64
_RUN = [
    "id",
    "as_of",
    "status",
    "is_current",
    "approval",
    "mode",
    "origin",
    "config",
    "backtest",
    "customers_chosen",
    "counts",
    "words",
    "result_hash",
    "error",
    "started_at",
    "finished_at",
    "items_dropped_at",
]


class RecoRunSerializer(Sparse, serializers.ModelSerializer[RecoRun]):
    """One run: of which day, with which settings, and what it found."""

    config = serializers.CharField(source="config.hash", help_text="Hash of the settings.")
    backtest = serializers.IntegerField(source="backtest_id", allow_null=True)

    class Meta:
        model = RecoRun
        fields = _RUN
        read_only_fields = fields


class RecoRunDetailSerializer(RecoRunSerializer):
    """One run with the quality of its data, its checks, and what it was made from."""

    class Meta:
        model = RecoRun
        fields = [*_RUN, "time_zone", "quality", "checks", "gate", "contact_policy",
                  "code_version", "data_version", "timings"]  # fmt: skip
        read_only_fields = fields


class StartRunSerializer(StrictFields, serializers.Serializer[Any]):
    """What a run is asked for; everything may be left out."""

    as_of = serializers.DateField(
        required=False,
        allow_null=True,
        help_text="Use what was known at the end of this day. Empty: today. A day before that of "
        "the current run only adds to the history.",
    )
    config = serializers.RegexField(
        r"^[0-9a-f]{6,64}$",
        required=False,
        allow_null=True,
        help_text="Settings to use: their hash, or its beginning. Empty: the active ones.",
    )
    customers = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_CODE),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=MOST_CUSTOMERS,
        help_text="Only these customers' codes. Such a run never becomes current.",
    )


class RecoItemSerializer(Sparse, serializers.ModelSerializer[RecoItem]):
    """One product offered to one customer, with the reasons for it."""

    run = serializers.IntegerField(source="run_id")
    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    product = serializers.CharField(source="product.key", help_text="The product's key.")
    product_label = serializers.CharField(source="product.label")

    class Meta:
        model = RecoItem
        fields = ["id", "run", "customer", "rank", "product", "product_label", "scenario", "slot",
                  "score", "price", "status", "reasons"]  # fmt: skip
        read_only_fields = fields


class RecoExclusionSerializer(serializers.ModelSerializer[RecoExclusion]):
    """Why one customer is offered nothing, or may not be contacted now."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    stage = serializers.ChoiceField(RecoExclusion.Stage.choices)

    class Meta:
        model = RecoExclusion
        fields = ["customer", "stage", "code", "details"]
        read_only_fields = fields


class RecoConfigSerializer(Sparse, serializers.ModelSerializer[RecoConfig]):
    """Settings under their hash. ``values`` never change; other values are other settings."""

    based_on = serializers.CharField(
        source="parent.hash", allow_null=True, default=None, help_text="Hash of what it came from."
    )

    class Meta:
        model = RecoConfig
        fields = ["id", "name", "hash", "status", "comment", "based_on", "values", "evidence",
                  "created_at", "activated_at"]  # fmt: skip
        read_only_fields = fields


class WriteConfigSerializer(StrictFields, serializers.Serializer[Any]):
    """New settings: what differs from ``based_on``, or from the defaults."""

    name = serializers.CharField(max_length=120)
    values = ObjectField(help_text="Only what differs; the rest is taken over.")
    comment = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")
    based_on = serializers.RegexField(
        r"^[0-9a-f]{6,64}$",
        required=False,
        allow_null=True,
        help_text="Settings to start from, by their hash. Empty: the defaults.",
    )


class DifferenceSerializer(serializers.Serializer[Any]):
    """One value that differs. Null where one of the two has none."""

    key = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
