"""Runs of the predictions, and what they say of each customer. The database writes the rows."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from crm_project.common.models import DatabaseView
from customers.models import Customer


class MetricsRunQuerySet(models.QuerySet["MetricsRun"]):
    def succeeded(self) -> Self:
        return self.filter(status=MetricsRun.Status.SUCCEEDED)

    def kept(self) -> Self:
        """Runs whose rows are still there, customer by customer."""
        return self.succeeded().filter(rows_dropped_at__isnull=True)


class MetricsRun(models.Model):
    """Predictions for all customers as of the end of one local day, and how far to trust them.

    What the JSON fields hold is described in ``docs/metrics.md``, "What a run of predictions
    keeps".
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    class Quality(models.TextChoices):
        GOOD = "good", "enough data"
        SMALL = "small", "few customers: uncertain"
        NONE = "none", "too little data: no predictions"

    id = models.AutoField(primary_key=True)
    as_of = models.DateField(help_text="The predictions begin after this local day.")
    time_zone = models.CharField(max_length=64, help_text="Where the local days are counted.")
    quality = models.CharField(max_length=5, choices=Quality, blank=True)
    model = models.CharField(
        max_length=10, blank=True, help_text="Gave the probability of a purchase in 30 days."
    )
    churn_model = models.CharField(
        max_length=10, blank=True, help_text="Gave churn and the probability for 90 days."
    )
    value_model = models.CharField(
        max_length=10, blank=True, help_text="Gave the expected orders, and so the money."
    )
    words = models.JSONField(
        default=list, blank=True, help_text="What people should know about this run: sentences."
    )
    params = models.JSONField(default=dict, blank=True, help_text="Parameters by model.")
    convergence = models.JSONField(default=dict, blank=True, help_text="How each fit went.")
    guard = models.JSONField(default=dict, blank=True, help_text="Whether there is enough data.")
    calibration = models.JSONField(default=dict, blank=True, help_text="The levels that were set.")
    bands = models.JSONField(default=dict, blank=True, help_text="Borders of the churn bands.")
    back_test = models.JSONField(
        default=dict, blank=True, help_text="Earlier days predicted, and what happened."
    )
    scored = models.PositiveIntegerField(null=True, help_text="Customers with a sale.")
    predicted = models.PositiveIntegerField(null=True, help_text="Of these, with predictions.")
    left_out = models.PositiveIntegerField(
        null=True, help_text="Customers who are test, merged or deleted."
    )
    fingerprint = models.JSONField(default=dict, blank=True, help_text="Sums over the rows.")
    timings = models.JSONField(default=dict, blank=True, help_text="Seconds by step.")
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True, help_text="Why it failed, in words.")
    is_current = models.BooleanField(default=False, help_text="What everybody sees.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows_dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="When thinning removed the rows by customer."
    )

    objects = MetricsRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "metrics run"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "succeeded", "failed"]),
                name="metrics_run_status_known",
            ),
            models.CheckConstraint(
                condition=Q(quality__in=["", "good", "small", "none"]),
                name="metrics_run_quality_known",
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(status="succeeded", rows_dropped_at__isnull=True),
                name="metrics_run_current_is_readable",
            ),
            models.UniqueConstraint(
                fields=["is_current"],
                condition=Q(is_current=True),
                name="metrics_run_one_current",
            ),
        ]
        indexes = [
            # Serves "the run before this one" and the history of a customer.
            models.Index(fields=["-as_of", "-id"], name="metrics_run_newest"),
        ]

    def __str__(self) -> str:
        return f"Metrics as of {self.as_of:%Y-%m-%d} (run {self.pk})"


class Flag(models.TextChoices):
    """How sure the numbers of one customer are; the text is the reason for people."""

    OK = "ok", ""
    ONE_ORDER = (
        "one_order",
        "Bought on one day only: the value of an order is the shop's usual one.",
    )
    NO_VALUE = "no_value", "Repeat orders brought no money: the value of an order is the shop's."
    SMALL_SHOP = "small_shop", "The shop has few customers with orders: uncertain."
    NO_MONEY = "no_money", "No money is predicted; the run says why."
    NONE = "none", "Too little data for predictions; the run says what is missing."


class _Metrics(DatabaseView):
    """What a run says about one customer. NULL: not known, for the reason that the flag gives."""

    historic_value = models.DecimalField(
        max_digits=14, decimal_places=2, help_text="Sales less returns so far; no prediction."
    )
    ltv = models.DecimalField(
        "LTV",
        max_digits=14,
        decimal_places=2,
        null=True,
        help_text="Money expected in the coming 12 months, discounted.",
    )
    churn_probability = models.FloatField(
        null=True, help_text="Chance that nothing is bought in the next 90 days."
    )
    churn_band = models.CharField(
        max_length=6, blank=True, help_text="low, medium or high, by this shop's own rate."
    )
    purchase_probability_30d = models.FloatField(
        null=True, help_text="Chance of a purchase in the next 30 days."
    )
    purchase_probability_90d = models.FloatField(
        null=True, help_text="Chance of a purchase in the next 90 days."
    )
    expected_orders_90d = models.FloatField(
        null=True, help_text="Purchase days expected in the next 90 days."
    )
    expected_order_value = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, help_text="Money expected of one purchase day."
    )
    expected_value = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, help_text="Money expected in the next 90 days."
    )
    model = models.CharField(max_length=10, blank=True, help_text="Gave the 30-day probability.")
    quality_flag = models.CharField(max_length=10, choices=Flag)

    class Meta(DatabaseView.Meta):
        abstract = True

    @property
    def reason(self) -> str:
        """Why numbers are missing or uncertain, for people; empty when they are neither."""
        return str(Flag(self.quality_flag).label)

    def __str__(self) -> str:
        return f"Metrics of customer {self.pk}"


class CustomerMetrics(_Metrics):
    """The metrics of one customer in one run: a row of the run's partition."""

    pk = models.CompositePrimaryKey("customer_id", "run_id")
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="metrics_history"
    )
    run = models.ForeignKey(
        MetricsRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="rows"
    )

    class Meta(_Metrics.Meta):
        abstract = False
        db_table = "analytics_customermetrics"
        verbose_name_plural = "customer metrics"


class CurrentCustomerMetrics(_Metrics):
    """The metrics of one customer in the current run. A prospect has none."""

    customer = models.OneToOneField(
        Customer,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="metrics",
    )
    run = models.ForeignKey(
        MetricsRun, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta(_Metrics.Meta):
        abstract = False
        db_table = "analytics_currentcustomermetrics"
        verbose_name = "current customer metrics"
        verbose_name_plural = "current customer metrics"
