from typing import Any

from rest_framework import serializers

from analytics.models import CurrentRfmScore, RfmRun, Segment
from crm_project.common.api.serializers import Sparse, StrictFields

_LONGEST_WINDOW = 36_500


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A group of customers, and what to do about them."""

    class Meta:
        model = Segment
        fields = ["code", "name", "description", "advice", "colour"]
        read_only_fields = fields


class ScoreSerializer(Sparse, serializers.ModelSerializer[CurrentRfmScore]):
    """What the current run says about one customer."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    name = serializers.CharField(source="customer.name")
    code = serializers.CharField(help_text="The three digits R, F and M, like 545.")
    segment = serializers.CharField(source="segment.code")
    as_of = serializers.DateField(source="run.as_of", help_text="The day it describes.")

    class Meta:
        model = CurrentRfmScore
        fields = [
            "customer",
            "name",
            "recency_days",
            "frequency",
            "monetary",
            "r",
            "f",
            "m",
            "code",
            "segment",
            "as_of",
        ]
        read_only_fields = fields


class PointSerializer(serializers.Serializer[Any]):
    """What one run said; without a score the customer was a prospect."""

    run = serializers.IntegerField(source="run_id")
    as_of = serializers.DateField()
    segment = serializers.CharField(source="segment.code")
    score = serializers.CharField(source="score.code", default=None, allow_null=True)
    recency_days = serializers.IntegerField(
        source="score.recency_days", default=None, allow_null=True
    )
    frequency = serializers.IntegerField(source="score.frequency", default=None, allow_null=True)
    monetary = serializers.DecimalField(
        source="score.monetary", max_digits=14, decimal_places=2, default=None, allow_null=True
    )


class CustomerRfmSerializer(serializers.Serializer[Any]):
    """A customer's place now, and the way there, the newest run first."""

    customer = serializers.CharField(help_text="The customer's code.")
    as_of = serializers.DateField(
        source="history.as_of", allow_null=True, help_text="Null: nothing was scored yet."
    )
    segment = serializers.CharField(source="history.current.code", default=None, allow_null=True)
    previous_segment = serializers.CharField(
        source="history.previous.code", default=None, allow_null=True
    )
    changed_at = serializers.DateField(source="history.changed_at", allow_null=True)
    history = PointSerializer(source="history.points", many=True)


class RunSerializer(Sparse, serializers.ModelSerializer[RfmRun]):
    """One scoring of all customers."""

    class Meta:
        model = RfmRun
        fields = [
            "id",
            "as_of",
            "mode",
            "window_days",
            "cuts",
            "scored",
            "prospects",
            "left_out",
            "segment_counts",
            "status",
            "error",
            "is_current",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class SegmentRowSerializer(serializers.Serializer[Any]):
    """One segment of the current run. Medians are null where nobody is in it."""

    segment = SegmentSerializer()
    customers = serializers.IntegerField()
    customer_share = serializers.FloatField(help_text="Of all customers, prospects too; 0 to 1.")
    net_total = serializers.DecimalField(max_digits=16, decimal_places=2)
    net_share = serializers.FloatField(help_text="Of all money; 0 to 1.")
    median_recency_days = serializers.IntegerField(allow_null=True)
    median_frequency = serializers.IntegerField(allow_null=True)
    median_monetary = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)


class BySegmentSerializer(serializers.Serializer[Any]):
    """All segments, the best first: one page, in the envelope of every list."""

    count = serializers.SerializerMethodField()
    next = serializers.SerializerMethodField()
    previous = serializers.SerializerMethodField()
    as_of = serializers.DateField(allow_null=True, help_text="Null: nothing was scored yet.")
    results = SegmentRowSerializer(source="rows", many=True)

    def get_count(self, found: Any) -> int:
        return len(found["rows"] if isinstance(found, dict) else found.rows)

    def get_next(self, found: Any) -> str | None:
        return None

    def get_previous(self, found: Any) -> str | None:
        return None


class CellSerializer(serializers.Serializer[Any]):
    r = serializers.IntegerField()
    f = serializers.IntegerField()
    customers = serializers.IntegerField()
    net_total = serializers.DecimalField(max_digits=16, decimal_places=2)


class MovementSerializer(serializers.Serializer[Any]):
    """Customers who changed their segment since the run before, and why."""

    since = serializers.DateField()
    stayed = serializers.IntegerField()
    moved = serializers.IntegerField()
    purchase = serializers.IntegerField()
    ageing = serializers.IntegerField()
    threshold_drift = serializers.IntegerField()


class StatisticsSerializer(serializers.Serializer[Any]):
    """The current run at a glance. Everything is null or empty before the first."""

    as_of = serializers.DateField(allow_null=True)
    run = RunSerializer(allow_null=True)
    customers = serializers.IntegerField(help_text="Scored ones and prospects.")
    net_total = serializers.DecimalField(max_digits=16, decimal_places=2)
    heat_map = CellSerializer(many=True)
    movement = MovementSerializer(allow_null=True)


class CalculateSerializer(StrictFields):
    """What to score. Everything may be left out."""

    as_of = serializers.DateField(
        required=False, allow_null=True, help_text="Today, in the business's zone, unless given."
    )
    mode = serializers.ChoiceField(choices=RfmRun.Mode.choices, required=False)
    window_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=_LONGEST_WINDOW
    )
