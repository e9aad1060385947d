"""What the audit found, what people decided, and what left the house."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from crm_project.common.models import DatabaseView
from customers.models import Campaign, Customer
from customers.models.contact import Channel, Purpose
from orders.models import Product
from recommendations.models.runs import Decided, RecoRun, Scenario


class Severity(models.TextChoices):
    ERROR = "error"
    WARNING = "warning"


class RecoAudit(DatabaseView):
    """The audit of one customer's list: 100 less 40 for each error and 10 for each warning."""

    pk = models.CompositePrimaryKey("customer_id", "run_id")
    run = models.ForeignKey(
        RecoRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audits"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="reco_audits"
    )
    score = models.SmallIntegerField()
    errors = models.SmallIntegerField()
    warnings = models.SmallIntegerField()
    exportable = models.BooleanField(help_text="No error, and the score reaches the gate.")

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "recommendations_recoaudit"
        verbose_name = "audit of a customer"

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.score}"


class AuditItem(DatabaseView):
    """One finding of the audit, about a customer's list or one product in it."""

    pk = models.CompositePrimaryKey("customer_id", "run_id", "ordinal")
    run = models.ForeignKey(
        RecoRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="findings"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="reco_findings"
    )
    ordinal = models.SmallIntegerField()
    rank = models.SmallIntegerField(null=True, help_text="Empty: about the list as a whole.")
    product = models.ForeignKey(
        Product, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    code = models.CharField(max_length=30)
    severity = models.CharField(max_length=7, choices=Severity)
    details = models.JSONField()

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "recommendations_audititem"
        verbose_name = "finding"

    def __str__(self) -> str:
        return self.code


class RecoDecision(models.Model):
    """Somebody approved, rejected or flagged an item, a list or a run. Never changed."""

    class Level(models.TextChoices):
        ITEM = "item"
        LIST = "list", "a customer's list"
        RUN = "run", "the whole run"

    run = models.ForeignKey(RecoRun, on_delete=models.PROTECT, related_name="decisions")
    level = models.CharField(max_length=4, choices=Level)
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="reco_decisions"
    )
    item_id = models.BigIntegerField(null=True, blank=True)
    decision = models.CharField(max_length=8, choices=Decided)
    comment = models.CharField(max_length=500, blank=True)
    items = models.PositiveIntegerField(help_text="How many items it changed.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "decision"
        constraints = [
            models.CheckConstraint(
                condition=Q(level="run", customer__isnull=True, item_id__isnull=True)
                | Q(level="list", customer__isnull=False, item_id__isnull=True)
                | Q(level="item", customer__isnull=False, item_id__isnull=False),
                name="reco_decision_names_its_target",
            ),
            models.CheckConstraint(
                condition=Q(decision__in=Decided.values), name="reco_decision_known"
            ),
        ]
        indexes = [
            # Serves the log of one customer in one run.
            models.Index(fields=["run", "customer"], name="reco_decision_of_list"),
        ]
        triggers = [
            # Whose account is deleted is no longer named; all else stays as it was decided.
            pgtrigger.Trigger(
                name="decision_stays",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__run__df=pgtrigger.F("new__run"))
                | pgtrigger.Q(old__level__df=pgtrigger.F("new__level"))
                | pgtrigger.Q(old__customer__df=pgtrigger.F("new__customer"))
                | pgtrigger.Q(old__item_id__df=pgtrigger.F("new__item_id"))
                | pgtrigger.Q(old__decision__df=pgtrigger.F("new__decision"))
                | pgtrigger.Q(old__comment__df=pgtrigger.F("new__comment"))
                | pgtrigger.Q(old__items__df=pgtrigger.F("new__items"))
                | pgtrigger.Q(old__created_at__df=pgtrigger.F("new__created_at"))
                | pgtrigger.Q(new__user__isnull=False),
                func="raise exception 'A decision stays as it was; decide anew.';",
            ),
            pgtrigger.Trigger(
                name="decision_kept",
                operation=pgtrigger.Delete,
                when=pgtrigger.Before,
                func="raise exception 'A decision stays as it was; decide anew.';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.decision}"


class RecoExport(models.Model):
    """One list that left: for which campaign, who was left out, and the hash of the file."""

    run = models.ForeignKey(RecoRun, on_delete=models.PROTECT, related_name="exports")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="reco_exports")
    channel = models.CharField(max_length=10, choices=Channel)
    purpose = models.CharField(max_length=15, choices=Purpose)
    manifest = models.JSONField(help_text="What the file holds, and how it was made.")
    sha256 = models.CharField(max_length=64, help_text="Of the file, byte by byte.")
    customers = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    left_out = models.JSONField(default=dict, help_text="Customers left out, by reason.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "export"
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="reco_export_sha256"
            ),
        ]

    def __str__(self) -> str:
        return f"Export {self.pk} of run {self.run_id}"


class RecoExportItem(models.Model):
    """One row of an export. What the last two exports offered is not offered again at once."""

    export = models.ForeignKey(RecoExport, on_delete=models.CASCADE, related_name="items")
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="exported_reco_items"
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="exported_reco_items"
    )
    item_id = models.BigIntegerField()
    rank = models.PositiveSmallIntegerField()
    scenario = models.CharField(max_length=10, choices=Scenario)

    class Meta:
        ordering = ["export", "customer", "rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["export", "customer", "rank"], name="reco_export_item_once"
            ),
        ]
        indexes = [
            # Serves "what was this customer offered last", newest export first.
            models.Index(fields=["customer", "-export"], name="reco_export_of_customer"),
        ]

    def __str__(self) -> str:
        return f"export {self.export_id}, customer {self.customer_id}, {self.rank}"


class RecoExportFile(models.Model):
    """The very bytes that left, packed: they hold addresses, so they are kept for a time only."""

    export = models.OneToOneField(
        RecoExport, primary_key=True, on_delete=models.CASCADE, related_name="file"
    )
    packed = models.BinaryField(help_text="CSV, packed by gzip.")
    size = models.PositiveBigIntegerField(help_text="Bytes of the CSV itself.")

    class Meta:
        verbose_name = "file of an export"

    def __str__(self) -> str:
        return f"File of export {self.export_id}"
