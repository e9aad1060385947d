"""Runs of the recommendations, what they offer whom, and why somebody was offered nothing."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from crm_project.common.models import DatabaseView
from customers.models import Customer
from orders.models import Product
from recommendations.models.backtests import BacktestRun
from recommendations.models.configs import RecoConfig


class Scenario(models.TextChoices):
    WINBACK = "WINBACK", "win back"
    REBUY = "REBUY", "buy again"
    CROSS_SELL = "CROSS_SELL", "another family"
    UPSELL = "UPSELL", "one step up"
    NURTURE = "NURTURE", "get to know"


class Slot(models.TextChoices):
    REPEAT = "repeat", "bought before"
    EXPLORE = "explore", "new to them"


class Decided(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    FLAGGED = "flagged"


class RecoRunQuerySet(models.QuerySet["RecoRun"]):
    def succeeded(self) -> Self:
        return self.filter(status=RecoRun.Status.SUCCEEDED)

    def kept(self) -> Self:
        """Runs whose items are still there."""
        return self.succeeded().filter(items_dropped_at__isnull=True)


class RecoRun(models.Model):
    """One making of recommendations as of the end of one local day.

    Its items, exclusions and audit lie in partitions of their own, made invisibly and shown in one
    transaction. Thinning drops the partitions of an old run and keeps this row with its counts.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        STOPPED = "stopped", "stopped by the data's quality"

    class Mode(models.TextChoices):
        WEIGHTED = "weighted", "weighted score"
        SIGNALS = "signals", "plain order of the signals"

    class Origin(models.TextChoices):
        COMMAND = "command"
        ADMIN = "admin"
        API = "api", "API"
        SCHEDULE = "schedule"
        PIPELINE = "pipeline"

    id = models.AutoField(primary_key=True)
    as_of = models.DateField(help_text="Made from what was known at the end of this local day.")
    time_zone = models.CharField(max_length=64, help_text="Where the local days are counted.")
    config = models.ForeignKey(RecoConfig, on_delete=models.PROTECT, related_name="runs")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.WEIGHTED)
    backtest = models.ForeignKey(
        BacktestRun,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="runs",
        help_text="What spoke for the plan and the mode.",
    )
    contact_policy = models.JSONField(
        default=dict, blank=True, help_text="The rules of contact as they were at selection."
    )
    code_version = models.CharField(max_length=64, blank=True)
    data_version = models.JSONField(
        default=dict, blank=True, help_text="Sums over the rows that were read."
    )
    customers_chosen = models.JSONField(
        null=True, blank=True, help_text="Codes, when only some customers were asked for."
    )
    counts = models.JSONField(
        default=dict, blank=True, help_text="Customers, items, by scenario and by exclusion."
    )
    quality = models.JSONField(default=dict, blank=True, help_text="Of the data, before the run.")
    checks = models.JSONField(default=dict, blank=True, help_text="Of the run as a whole.")
    gate = models.JSONField(default=dict, blank=True, help_text="Policy, and whether it passed.")
    words = models.JSONField(default=list, blank=True, help_text="Warnings, in sentences.")
    timings = models.JSONField(default=dict, blank=True, help_text="Seconds by step.")
    result_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of all items: same inputs, same hash."
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True, help_text="Why it failed or stopped, in words.")
    approval = models.CharField(max_length=8, choices=Decided, default=Decided.PENDING)
    is_current = models.BooleanField(default=False, help_text="What everybody sees.")
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.COMMAND)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    items_dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="When thinning removed the items."
    )

    objects = RecoRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "recommendation run"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "succeeded", "failed", "stopped"]),
                name="reco_run_status_known",
            ),
            models.CheckConstraint(
                condition=Q(mode__in=["weighted", "signals"]), name="reco_run_mode_known"
            ),
            models.CheckConstraint(
                condition=Q(approval__in=Decided.values), name="reco_run_approval_known"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False)
                | Q(
                    status="succeeded",
                    items_dropped_at__isnull=True,
                    customers_chosen__isnull=True,
                ),
                name="reco_run_current_is_whole",
            ),
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="reco_run_one_current"
            ),
        ]
        indexes = [
            # Serves the run of a day, the run before it, and thinning.
            models.Index(fields=["-as_of", "-id"], name="reco_run_newest"),
        ]

    def __str__(self) -> str:
        return f"Recommendations as of {self.as_of:%Y-%m-%d} (run {self.pk})"


RUN_SHIFT = 32
"""Bits below the run's number in the id of an item; 2^21 runs still fit a JSON number."""


class RecoItem(DatabaseView):
    """One product offered to one customer in one run: a row of the run's partition.

    The id holds the run, so that one item is found without looking into every partition, and
    the same inputs give the same ids within a run.
    """

    id = models.BigIntegerField(primary_key=True)
    run = models.ForeignKey(
        RecoRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="items"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="reco_items"
    )
    product = models.ForeignKey(
        Product, on_delete=models.DO_NOTHING, db_constraint=False, related_name="reco_items"
    )
    rank = models.SmallIntegerField(help_text="1 is the first.")
    scenario = models.CharField(max_length=10, choices=Scenario)
    slot = models.CharField(max_length=7, choices=Slot)
    score = models.DecimalField(max_digits=5, decimal_places=2, help_text="0 to 100.")
    price = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, help_text="Of the product on that day."
    )
    reasons = models.JSONField()
    status = models.CharField(max_length=8, choices=Decided, default=Decided.PENDING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    decided_at = models.DateTimeField(null=True)

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "recommendations_recoitem"
        verbose_name = "recommendation"

    def __str__(self) -> str:
        return f"Rank {self.rank}, {self.get_scenario_display()}"

    @staticmethod
    def run_of(item_id: int) -> int:
        """Return the run that an id names.

        >>> RecoItem.run_of((7 << 32) + 5)
        7
        """
        return item_id >> RUN_SHIFT


class RecoExclusion(DatabaseView):
    """Why a customer is offered nothing (stage offer) or may not be contacted (stage contact)."""

    class Stage(models.TextChoices):
        OFFER = "offer", "nothing to offer"
        CONTACT = "contact", "not to be contacted"

    pk = models.CompositePrimaryKey("customer_id", "run_id", "stage")
    run = models.ForeignKey(
        RecoRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="exclusions"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="reco_exclusions"
    )
    stage = models.CharField(max_length=7, choices=Stage)
    code = models.CharField(max_length=30, help_text="The first rule that failed.")
    details = models.JSONField(
        help_text="All codes, the evidence, and from when it would be allowed."
    )

    class Meta(DatabaseView.Meta):
        abstract = False
        db_table = "recommendations_recoexclusion"
        verbose_name = "exclusion"

    def __str__(self) -> str:
        return f"{self.stage}: {self.code}"
