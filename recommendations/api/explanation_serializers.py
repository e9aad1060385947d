"""Shapes of recommendations and of their reasons."""

from typing import Any, ClassVar

from rest_framework import serializers

from crm_project.common.api.serializers import StrictFields
from recommendations.models import Decided, RecoExclusion, RecoRun, Scenario, Slot

MOST_AT_ONCE = 500


class OfferedProductSerializer(serializers.Serializer[Any]):
    """A product as it is called now."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field named like an argument


class ComponentSerializer(serializers.Serializer[Any]):
    """One part of a score, or one penalty. Evidence is what the run stored."""

    name = serializers.CharField()
    title = serializers.CharField(help_text="In the language asked for.")
    words = serializers.CharField(help_text="The evidence as a clause; may be empty.")
    value = serializers.FloatField(allow_null=True, help_text="0 to 1.")
    weight = serializers.FloatField(allow_null=True)
    points = serializers.FloatField(
        allow_null=True, help_text="What it adds to the score of 100; a penalty takes away."
    )
    evidence = serializers.JSONField(allow_null=True)


class MissingSerializer(serializers.Serializer[Any]):
    """A component that was left out, because its data is not known."""

    name = serializers.CharField()
    title = serializers.CharField()


class BecauseSerializer(serializers.Serializer[Any]):
    """A product bought before that speaks for the offered one."""

    product = serializers.CharField(source="key", help_text="Its key.")
    label = serializers.CharField()  # type: ignore[assignment] # a field named like an argument
    contribution = serializers.FloatField(allow_null=True)
    buyers = serializers.IntegerField(allow_null=True, help_text="Customers who bought both.")


class EvidenceLineSerializer(serializers.Serializer[Any]):
    """An order line of this customer that proves the reason."""

    order = serializers.CharField(source="number")
    ordered_at = serializers.DateTimeField()
    product = serializers.CharField(source="key")
    label = serializers.CharField()  # type: ignore[assignment] # a field named like an argument
    quantity = serializers.DecimalField(max_digits=14, decimal_places=3)
    net_amount = serializers.DecimalField(max_digits=18, decimal_places=4)
    currency = serializers.CharField()


class RecommendedItemSerializer(serializers.Serializer[Any]):
    """One recommended product."""

    id = serializers.IntegerField(source="item.id")
    rank = serializers.IntegerField(source="item.rank", help_text="1 is the first.")
    product = OfferedProductSerializer(source="item.product")
    scenario = serializers.ChoiceField(choices=Scenario.choices, source="item.scenario")
    slot = serializers.ChoiceField(choices=Slot.choices, source="item.slot")
    score = serializers.FloatField(source="item.score", help_text="0 to 100.")
    price = serializers.DecimalField(
        max_digits=14, decimal_places=2, allow_null=True, source="item.price",
        help_text="Of the product on the day of the run; null where it was not known.",
    )  # fmt: skip
    status = serializers.ChoiceField(choices=Decided.choices, source="item.status")
    explain_short = serializers.CharField(
        source="short", help_text="One sentence from the two largest components."
    )


class ExplainedItemSerializer(RecommendedItemSerializer):
    """One recommended product with everything that is known of why."""

    language = serializers.CharField()
    scenario_name = serializers.CharField(source="scenario")
    slot_name = serializers.CharField(source="slot")
    components = ComponentSerializer(many=True, source="parts", help_text="Most points first.")
    penalties = ComponentSerializer(many=True)
    missing = MissingSerializer(many=True)
    model = serializers.CharField(help_text="Which signal made it a candidate.")
    because_of = BecauseSerializer(many=True)
    lines = EvidenceLineSerializer(
        many=True, allow_null=True,
        help_text="Order lines that prove it, newest first, at most five of a product; null for "
        "callers who may not read orders.",
    )  # fmt: skip
    eligibility = serializers.JSONField(help_text="What allowed the offer on that day.")
    rank_change = serializers.JSONField(allow_null=True, help_text="What moved its rank, if any.")
    config_hash = serializers.CharField(help_text="Of the settings that it was made with.")


class ItemExplanationSerializer(ExplainedItemSerializer):
    """An explanation by itself: also says whose it is, and of which run."""

    customer = serializers.CharField(source="item.customer.code")
    run = serializers.IntegerField(source="item.run_id")
    as_of = serializers.DateField(source="item.run.as_of")


class ExclusionSerializer(serializers.Serializer[Any]):
    """Why nothing is offered (stage offer), or nobody may write (stage contact), in one run."""

    stage = serializers.ChoiceField(RecoExclusion.Stage.choices)
    code = serializers.CharField(help_text="The first rule that failed.")
    words = serializers.CharField()
    details = serializers.JSONField(help_text="All codes, the evidence, the next allowed time.")


class DatedExclusionSerializer(ExclusionSerializer):
    run = serializers.IntegerField()
    as_of = serializers.DateField()


class _ListOfCustomerSerializer(serializers.Serializer[Any]):
    run = serializers.IntegerField(allow_null=True)
    as_of = serializers.DateField(
        allow_null=True, help_text="Nothing after the end of this day was looked at."
    )
    reason = serializers.CharField(allow_null=True, help_text="Why nothing is offered; or null.")
    exclusions = ExclusionSerializer(many=True)


class CustomerRecommendationsSerializer(_ListOfCustomerSerializer):
    """What one customer is offered, with all reasons."""

    customer = serializers.CharField(help_text="The customer's code.")
    items = ExplainedItemSerializer(many=True)


class PastListSerializer(_ListOfCustomerSerializer):
    """What one earlier run offered."""

    items = RecommendedItemSerializer(many=True)


class HistorySerializer(serializers.Serializer[Any]):
    customer = serializers.CharField()
    results = PastListSerializer(many=True, help_text="Newest first.")


class ExclusionsSerializer(serializers.Serializer[Any]):
    customer = serializers.CharField()
    results = DatedExclusionSerializer(many=True, help_text="Newest run first.")


class BatchRowSerializer(_ListOfCustomerSerializer):
    customer = serializers.CharField(help_text="The code as it is now.")
    asked = serializers.CharField(help_text="The code as it was asked for.")
    items = RecommendedItemSerializer(many=True)


class BatchAnswerSerializer(serializers.Serializer[Any]):
    run = serializers.IntegerField(allow_null=True)
    as_of = serializers.DateField(allow_null=True)
    results = BatchRowSerializer(many=True, help_text="In the order of the request.")
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Codes that nobody has or had."
    )


class BatchSerializer(StrictFields, serializers.Serializer[Any]):
    """Whose recommendations are wanted."""

    customers = serializers.ListField(
        child=serializers.CharField(max_length=64),
        min_length=1,
        max_length=MOST_AT_ONCE,
        help_text=f"Codes, at most {MOST_AT_ONCE}.",
    )


class WhyReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    words = serializers.CharField()
    details = serializers.JSONField()


class WhyNotSerializer(serializers.Serializer[Any]):
    """Why one product is not offered to one customer."""

    customer = serializers.CharField()
    product = serializers.CharField(help_text="The product's key.")
    run = serializers.IntegerField(allow_null=True)
    as_of = serializers.DateField(allow_null=True)
    offered = serializers.BooleanField()
    item = serializers.IntegerField(allow_null=True, help_text="Where it is offered.")
    reasons = WhyReasonSerializer(many=True, help_text="The decisive one first.")


class OverviewSerializer(serializers.ModelSerializer[RecoRun]):
    """The current run at a glance. All null, with the reason, before the first run."""

    run = serializers.IntegerField(source="pk", allow_null=True)
    statuses = serializers.DictField(
        child=serializers.IntegerField(), allow_null=True, help_text="Items by status, counted now."
    )
    reason = serializers.CharField(allow_null=True)

    class Meta:
        model = RecoRun
        fields = ["run", "as_of", "mode", "approval", "counts", "gate", "words", "statuses",
                  "started_at", "finished_at", "reason"]  # fmt: skip
        read_only_fields = fields
        extra_kwargs: ClassVar = {
            name: {"allow_null": True}
            for name in ("as_of", "mode", "approval", "counts", "gate", "words", "started_at")
        }
