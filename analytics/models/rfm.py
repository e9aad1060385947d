"""Runs of the RFM scoring, and the scores that they left. The database writes the scores."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from analytics.models.segments import Segment
from crm_project.common.models import DatabaseView
from customers.models import Customer


class RfmRunQuerySet(models.QuerySet["RfmRun"]):
    def succeeded(self) -> Self:
        return self.filter(status=RfmRun.Status.SUCCEEDED)

    def kept(self) -> Self:
        """Runs whose scores are still there, customer by customer."""
        return self.succeeded().filter(scores_dropped_at__isnull=True)


class RfmRun(models.Model):
    """One scoring of all customers as of the end of one local day; also a snapshot for later.

    The scores of a run lie in a partition of their own. Thinning drops the partition of an old run
    and keeps this row with its counts.
    """

    class Mode(models.TextChoices):
        QUANTILE = "quantile", "quantiles of this run's customers"
        FIXED = "fixed", "fixed cut points"
        NTILE = "ntile", "equal-sized fifths (for compatibility; unstable)"

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.AutoField(primary_key=True)
    as_of = models.DateField(help_text="The scores describe the end of this local day.")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.QUANTILE)
    window_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Only orders of so many days count. Empty: all orders."
    )
    cuts_from = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The run whose cut points were used, in mode fixed.",
    )
    time_zone = models.CharField(max_length=64, help_text="Where the local days are counted.")
    source = models.CharField(
        max_length=6, blank=True, help_text="Read from the kept totals, or from all orders."
    )
    cuts = models.JSONField(default=dict, blank=True, help_text="Four cut points for each value.")
    segment_map = models.JSONField(default=dict, blank=True, help_text="The map that was used.")
    map_hash = models.CharField(max_length=64, blank=True)
    rules = models.CharField(max_length=20, blank=True, help_text="Version of the rules.")
    scored = models.PositiveIntegerField(null=True, help_text="Customers with a sale.")
    prospects = models.PositiveIntegerField(null=True, help_text="Customers without a sale.")
    left_out = models.PositiveIntegerField(
        null=True, help_text="Customers who are test, merged or deleted."
    )
    segment_counts = models.JSONField(default=dict, blank=True)
    fingerprint = models.JSONField(
        default=dict, blank=True, help_text="Sums over the values that were scored."
    )
    timings = models.JSONField(default=dict, blank=True, help_text="Seconds by step.")
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True, help_text="Why it failed, in words.")
    is_current = models.BooleanField(default=False, help_text="What everybody sees.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    scores_dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="When thinning removed the scores by customer."
    )

    objects = RfmRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "RFM run"
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=["quantile", "fixed", "ntile"]), name="rfm_run_mode_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["running", "succeeded", "failed"]),
                name="rfm_run_status_known",
            ),
            models.CheckConstraint(
                condition=Q(window_days__isnull=True) | Q(window_days__gt=0),
                name="rfm_run_window_positive",
            ),
            models.CheckConstraint(
                condition=Q(is_current=False)
                | Q(status="succeeded", scores_dropped_at__isnull=True),
                name="rfm_run_current_is_readable",
            ),
            models.UniqueConstraint(
                fields=["is_current"],
                condition=Q(is_current=True),
                name="rfm_run_one_current",
            ),
        ]
        indexes = [
            # Serves "the run before this one" and the history of a customer.
            models.Index(fields=["-as_of", "-id"], name="rfm_run_newest"),
        ]

    def __str__(self) -> str:
        return f"RFM as of {self.as_of:%Y-%m-%d} (run {self.pk})"


class _Scores(DatabaseView):
    """What a run says about one customer."""

    recency_days = models.IntegerField(help_text="Local days since the last sale.")
    frequency = models.IntegerField(help_text="Number of sales.")
    monetary = models.DecimalField(
        max_digits=14, decimal_places=2, help_text="Sales less returns, without tax."
    )
    r = models.SmallIntegerField("R")
    f = models.SmallIntegerField("F")
    m = models.SmallIntegerField("M")

    class Meta(DatabaseView.Meta):
        abstract = True

    @property
    def code(self) -> str:
        """The three digits, like 545."""
        return f"{self.r}{self.f}{self.m}"

    def __str__(self) -> str:
        return self.code


class RfmScore(_Scores):
    """The score of one customer in one run: a row of the run's partition."""

    pk = models.CompositePrimaryKey("customer_id", "run_id")
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="rfm_scores"
    )
    run = models.ForeignKey(
        RfmRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="scores"
    )
    segment = models.ForeignKey(
        Segment, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta(_Scores.Meta):
        abstract = False
        db_table = "analytics_rfmscore"
        verbose_name = "RFM score"


class CurrentRfmScore(_Scores):
    """The score of one customer in the current run. A customer without a row is a prospect."""

    customer = models.OneToOneField(
        Customer,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="rfm",
    )
    run = models.ForeignKey(
        RfmRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    segment = models.ForeignKey(
        Segment, on_delete=models.DO_NOTHING, db_constraint=False, related_name="current_scores"
    )

    class Meta(_Scores.Meta):
        abstract = False
        db_table = "analytics_currentrfmscore"
        verbose_name = "current RFM score"


class RfmMovement(models.Model):
    """How many customers went from one segment to another between two runs, and why.

    Kept for pairs that the dashboard shows, so that it need not compare a million scores.
    """

    older = models.ForeignKey(RfmRun, on_delete=models.CASCADE, related_name="movements_to_newer")
    newer = models.ForeignKey(RfmRun, on_delete=models.CASCADE, related_name="movements_from_older")
    from_segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    to_segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    customers = models.PositiveIntegerField()
    purchase = models.PositiveIntegerField(default=0)
    ageing = models.PositiveIntegerField(default=0)
    threshold_drift = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["older", "newer", "from_segment", "to_segment"]
        verbose_name = "RFM movement"
        constraints = [
            models.UniqueConstraint(
                fields=["older", "newer", "from_segment", "to_segment"], name="rfm_movement_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_segment_id} → {self.to_segment_id}: {self.customers}"
