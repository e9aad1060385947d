from typing import Any

from rest_framework import serializers

from analytics.models import (
    Segmentation,
    SegmentationCluster,
    SegmentationComparison,
    SegmentationMember,
)
from analytics.models.segmentations import LONGEST_NAME
from crm_project.common.api.serializers import ReasonField, Sparse, StrictFields

LARGEST_KEY = 2**31 - 1


class ClusterSerializer(serializers.ModelSerializer[SegmentationCluster]):
    """One group: its number, its name, and the evidence for it."""

    in_doubt = serializers.BooleanField(
        help_text="A person had named this number (former_name), but its customers are others now."
    )

    class Meta:
        model = SegmentationCluster
        fields = [
            "number",
            "name",
            "automatic_name",
            "named_by_person",
            "former_name",
            "in_doubt",
            "size",
            "overlap",
            "evidence",
        ]
        read_only_fields = fields


class SegmentationSerializer(Sparse, serializers.ModelSerializer[Segmentation]):
    """All customers in groups, in one way, as of the end of one local day."""

    class Meta:
        model = Segmentation
        fields = [
            "id",
            "kind",
            "as_of",
            "k",
            "customers",
            "left_out",
            "seed",
            "params",
            "quality",
            "status",
            "error",
            "is_current",
            "started_at",
            "finished_at",
            "members_dropped_at",
        ]
        read_only_fields = fields


class SegmentationDetailSerializer(SegmentationSerializer):
    """A segmentation with its groups."""

    clusters = ClusterSerializer(many=True)

    class Meta(SegmentationSerializer.Meta):
        fields = [*SegmentationSerializer.Meta.fields, "clusters"]
        read_only_fields = fields


class ClusterMemberSerializer(serializers.ModelSerializer[SegmentationMember]):
    """A customer and the number of their group."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")

    class Meta:
        model = SegmentationMember
        fields = ["customer", "number"]
        read_only_fields = fields


class RenameSerializer(StrictFields):
    """A name of one's own; an empty one brings the automatic name back."""

    name = serializers.CharField(max_length=LONGEST_NAME, allow_blank=True)
    change_reason = ReasonField()


class BuildSerializer(StrictFields):
    """What to group. Everything may be left out."""

    as_of = serializers.DateField(
        required=False, allow_null=True, help_text="Today, in the business's zone, unless given."
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=Segmentation.Kind.choices),
        required=False,
        min_length=1,
        max_length=len(Segmentation.Kind.values),
        help_text="Ways of grouping; all unless given.",
    )
    make_current = serializers.BooleanField(
        required=False,
        help_text="False only adds to the history. Unless given, the groups become current where "
        "those of a later day are not.",
    )


class MovementCellSerializer(serializers.Serializer[Any]):
    """Customers in one group before and in one after; null: not grouped on that day."""

    from_number = serializers.IntegerField(allow_null=True)
    to_number = serializers.IntegerField(allow_null=True)
    customers = serializers.IntegerField()


class ClusterNameSerializer(serializers.Serializer[Any]):
    """A group's number and name."""

    number = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()


class ClusterMovementSerializer(serializers.Serializer[Any]):
    """Who went from which group to which between two days."""

    older = serializers.IntegerField(source="older.pk")
    newer = serializers.IntegerField(source="newer.pk")
    since = serializers.DateField(source="older.as_of")
    as_of = serializers.DateField(source="newer.as_of")
    stayed = serializers.IntegerField()
    moved = serializers.IntegerField()
    came = serializers.IntegerField(help_text="In a group only in the newer one.")
    left = serializers.IntegerField(help_text="In a group only in the older one.")
    from_clusters = ClusterNameSerializer(many=True)
    to_clusters = ClusterNameSerializer(many=True)
    cells = MovementCellSerializer(many=True)


class ComparisonSerializer(Sparse, serializers.ModelSerializer[SegmentationComparison]):
    """Two segmentations of one day side by side; ``results`` is described in docs/metrics.md."""

    left_kind = serializers.CharField(source="left.kind")
    right_kind = serializers.CharField(source="right.kind")

    class Meta:
        model = SegmentationComparison
        fields = [
            "id",
            "left",
            "left_kind",
            "right",
            "right_kind",
            "as_of",
            "later_days",
            "later_since",
            "later_until",
            "later_judged",
            "judged",
            "verdict",
            "results",
            "created_at",
        ]
        read_only_fields = fields


class CompareSerializer(StrictFields):
    """What to compare: two segmentations of one day, or nothing for the current ones."""

    left = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_KEY)
    right = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_KEY)
    as_of = serializers.DateField(required=False, allow_null=True)
    later_days = serializers.IntegerField(required=False, min_value=1, max_value=366)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = {"left", "right"} & set(attrs)
        if named and (len(named) == 1 or attrs.get("as_of")):
            raise serializers.ValidationError(
                "Name either two segmentations, or a day, or neither."
            )
        return attrs
