from typing import Any

from rest_framework import serializers

from crm_project.common.api.serializers import Sparse, StrictFields
from recommendations.checks import POLICIES
from recommendations.models import AuditItem, RecoDecision, RecoExport, RecoExportItem
from recommendations.selectors.audit import finding_words
from recommendations.services.approvals import COMMENT_LENGTH


class RunAuditSerializer(serializers.Serializer[Any]):
    """What the audit of a run found. Null: it was not audited yet."""

    run = serializers.IntegerField()
    as_of = serializers.DateField()
    audited_at = serializers.DateTimeField(allow_null=True)
    channel = serializers.CharField(allow_null=True, help_text="Over which contact was judged.")
    customers = serializers.IntegerField(allow_null=True, help_text="With a list.")
    exportable = serializers.IntegerField(allow_null=True, help_text="Whose list passed.")
    mean_score = serializers.FloatField(allow_null=True)
    findings = serializers.JSONField(help_text="By code: how many, about how many customers.")
    checks = serializers.JSONField(help_text="Of the run as a whole.")
    statuses = serializers.DictField(
        child=serializers.IntegerField(), help_text="Items by what people decided."
    )
    gate = serializers.JSONField(help_text="Policy, whether the run passed it, and why not.")


class GateSerializer(serializers.Serializer[Any]):
    """Whether a run may leave."""

    run = serializers.IntegerField(allow_null=True)
    as_of = serializers.DateField(allow_null=True)
    policy = serializers.CharField(allow_null=True)
    four_eyes = serializers.BooleanField(help_text="Who started the run may not approve it.")
    passed = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why not.")
    checks = serializers.JSONField()


class QualitySerializer(serializers.Serializer[Any]):
    """The quality of the data before a run."""

    run = serializers.IntegerField(allow_null=True)
    as_of = serializers.DateField(allow_null=True)
    status = serializers.CharField(
        allow_null=True, help_text="Of the run: stopped, when a rule stopped it."
    )
    passed = serializers.BooleanField(allow_null=True)
    words = serializers.CharField()
    findings = serializers.JSONField(
        help_text="By rule: how many, of how many, the largest share, samples."
    )


class FindingSerializer(serializers.ModelSerializer[AuditItem]):
    """One finding, about a customer's list (no rank) or one product in it."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    product = serializers.CharField(source="product.key", allow_null=True, default=None)
    words = serializers.SerializerMethodField()

    class Meta:
        model = AuditItem
        fields = ["customer", "rank", "product", "code", "severity", "words", "details"]
        read_only_fields = fields

    def get_words(self, found: AuditItem) -> str:
        return finding_words(found.code, found.details)


class StartAuditSerializer(StrictFields, serializers.Serializer[Any]):
    """What an audit is asked for."""

    policy = serializers.ChoiceField(
        POLICIES,
        required=False,
        allow_null=True,
        help_text="Empty: that of the last audit, else the one in the settings.",
    )


class RecoDecideSerializer(StrictFields, serializers.Serializer[Any]):
    """Why. Rejecting and flagging need a comment."""

    comment = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=COMMENT_LENGTH
    )


class RecoDecideRunSerializer(RecoDecideSerializer):
    """On a whole run, or on one customer's list."""

    customer = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=64,
        help_text="Only this customer's list, by the code. Empty: all that waits for a decision.",
    )
    only_passing = serializers.BooleanField(
        required=False, default=False, help_text="Of the whole run: only lists that passed."
    )


class DecisionSerializer(serializers.ModelSerializer[RecoDecision]):
    """What somebody decided. Never changed."""

    run = serializers.IntegerField(source="run_id")
    customer = serializers.CharField(source="customer.code", allow_null=True, default=None)
    user = serializers.CharField(source="user.username", allow_null=True, default=None)

    class Meta:
        model = RecoDecision
        fields = ["id", "run", "level", "customer", "item_id", "decision", "items", "comment",
                  "user", "created_at"]  # fmt: skip
        read_only_fields = fields


class ExportSerializer(Sparse, serializers.ModelSerializer[RecoExport]):
    """What left, for which campaign, and who stayed."""

    run = serializers.IntegerField(source="run_id")
    campaign = serializers.CharField(source="campaign.code")
    user = serializers.CharField(source="created_by.username", allow_null=True, default=None)

    class Meta:
        model = RecoExport
        fields = ["id", "run", "campaign", "channel", "purpose", "customers", "rows", "left_out",
                  "sha256", "user", "created_at"]  # fmt: skip
        read_only_fields = fields


class ExportDetailSerializer(ExportSerializer):
    """The same, with the manifest."""

    class Meta(ExportSerializer.Meta):
        fields = [*ExportSerializer.Meta.fields, "manifest"]
        read_only_fields = fields


class ExportRowSerializer(serializers.ModelSerializer[RecoExportItem]):
    """One product that left for one customer. Addresses are in the CSV file only."""

    customer = serializers.CharField(source="customer.code")
    product = serializers.CharField(source="product.key")

    class Meta:
        model = RecoExportItem
        fields = ["customer", "rank", "product", "scenario", "item_id"]
        read_only_fields = fields


class StartExportSerializer(StrictFields, serializers.Serializer[Any]):
    """For which campaign, and of which run."""

    campaign = serializers.CharField(max_length=50, help_text="The campaign's code.")
    run = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Empty: the run that everybody sees.",
    )
    segment = serializers.CharField(
        required=False, allow_null=True, max_length=60, help_text="Only members of this segment."
    )


class PreviewExportSerializer(serializers.Serializer[Any]):
    """What an export would hold now."""

    customers = serializers.IntegerField()
    rows = serializers.IntegerField()
    control = serializers.IntegerField(help_text="May be contacted, and is held back.")
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    scenarios = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Who would leave, by the scenario of their first product.",
    )
    words = serializers.CharField()
