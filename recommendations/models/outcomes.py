"""Who was offered something and who was kept without, and what they did afterwards."""

import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped
from customers.models import Campaign, Customer
from orders.models import Order, Product
from recommendations.models.audit import RecoExport
from recommendations.models.runs import RecoRun, Scenario

DEFAULT_WINDOW_DAYS = 30


@staff_history(exclude=["created_at", "updated_at"])
class OutcomeWindow(TimeStamped):
    """How long after a contact orders count for a scenario, where the campaign's does not fit.

    Copied to each assignment before the contact; a change is for later campaigns only.
    """

    scenario = models.CharField(max_length=10, choices=Scenario, unique=True)
    days = models.PositiveSmallIntegerField(
        help_text="1 to 365 days; replaces the campaign's window for customers of this scenario.",
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )

    class Meta:
        ordering = ["scenario"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scenario__in=Scenario.values), name="outcome_window_scenario_known"
            ),
            models.CheckConstraint(
                condition=Q(days__gte=1, days__lte=365), name="outcome_window_1_to_365"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scenario}: {self.days} days"


class Assignment(models.Model):
    """The arm of one customer in one campaign, written before anybody is contacted.

    Analysis goes by this row, whatever was delivered later (intent to treat).
    """

    class Arm(models.TextChoices):
        TREATMENT = "treatment"
        CONTROL = "control"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="assignments")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="assignments")
    arm = models.CharField(max_length=9, choices=Arm)
    run = models.ForeignKey(
        RecoRun, null=True, blank=True, on_delete=models.PROTECT, related_name="assignments"
    )
    export = models.ForeignKey(
        RecoExport, null=True, blank=True, on_delete=models.PROTECT, related_name="assignments"
    )
    scenario = models.CharField(max_length=10, blank=True, help_text="Of the first product.")
    segment = models.CharField(max_length=60, blank=True, help_text="RFM segment on that day.")
    salt = models.CharField(max_length=64)
    share = models.DecimalField(max_digits=4, decimal_places=3, help_text="Share of control.")
    window_days = models.PositiveSmallIntegerField(
        default=DEFAULT_WINDOW_DAYS,
        db_default=DEFAULT_WINDOW_DAYS,
        help_text="How long orders count, as it was decided before the contact.",
    )
    assigned_at = models.DateTimeField(db_default=Now())
    contacted_at = models.DateTimeField(
        null=True, blank=True, help_text="When the first message was really sent."
    )
    measured_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the window opens, in both arms: the own contact, or for those without one "
        "a moment drawn from the contacts of the same day's treated customers.",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "customer"], name="assignment_once"),
            models.CheckConstraint(
                condition=Q(arm__in=["treatment", "control"]), name="assignment_arm_known"
            ),
            models.CheckConstraint(
                condition=Q(share__gte=0, share__lte=0.5), name="assignment_share"
            ),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, window_days__lte=365), name="assignment_window"
            ),
            models.CheckConstraint(
                condition=Q(contacted_at__isnull=True) | Q(contacted_at__gte=F("assigned_at")),
                name="assignment_before_contact",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="arm_stays",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__arm__df=pgtrigger.F("new__arm"))
                | pgtrigger.Q(old__campaign__df=pgtrigger.F("new__campaign"))
                | pgtrigger.Q(old__customer__df=pgtrigger.F("new__customer"))
                | pgtrigger.Q(old__salt__df=pgtrigger.F("new__salt"))
                | pgtrigger.Q(old__share__df=pgtrigger.F("new__share")),
                func="raise exception 'An arm stays as it was drawn.';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.campaign_id}: {self.arm}"


class OutcomeEvent(models.Model):
    """Something that followed an assignment: an order after the contact, or an answer."""

    class Kind(models.TextChoices):
        PURCHASE = "purchase"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        SATISFACTION = "satisfaction"
        COMPLAINT = "complaint"
        UNSUBSCRIBE = "unsubscribe"

    class Match(models.IntegerChoices):
        ANY = 1, "any order"
        FAMILY = 2, "same family"
        PRODUCT = 3, "same product"

    assignment = models.ForeignKey(
        Assignment, on_delete=models.CASCADE, related_name="outcomes", null=True, blank=True
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="reco_outcomes")
    kind = models.CharField(max_length=12, choices=Kind)
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.CASCADE, related_name="reco_outcomes"
    )
    item_id = models.BigIntegerField(null=True, blank=True, help_text="The item it answers.")
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    match_level = models.PositiveSmallIntegerField(choices=Match, null=True, blank=True)
    last_touch_reco_rank = models.PositiveSmallIntegerField(null=True, blank=True)
    amount = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Of the order without tax, less what came back within 60 days.",
    )
    margin = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True, help_text="Empty: costs not known."
    )
    returned_amount = models.DecimalField(max_digits=14, decimal_places=2, default=0, db_default=0)
    items = models.PositiveIntegerField(null=True, blank=True, help_text="Lines of the order.")
    value = models.FloatField(null=True, blank=True, help_text="Of satisfaction: 0 to 1.")
    occurred_at = models.DateTimeField()
    source = models.CharField(max_length=50, default="orders")
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "purchase",
                        "accepted",
                        "rejected",
                        "satisfaction",
                        "complaint",
                        "unsubscribe",
                    ]
                ),
                name="outcome_kind_known",
            ),
            models.CheckConstraint(
                condition=~Q(kind="purchase")
                | Q(
                    order__isnull=False,
                    assignment__isnull=False,
                    match_level__in=[1, 2, 3],
                    amount__isnull=False,
                ),
                name="outcome_purchase_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(value__gte=0, value__lte=1),
                name="outcome_value_0_to_1",
            ),
            # One order counts once: for the campaign that touched last.
            models.UniqueConstraint(
                fields=["order"], condition=Q(kind="purchase"), name="outcome_order_once"
            ),
            models.UniqueConstraint(
                fields=["source", "external_id"],
                condition=Q(external_id__isnull=False),
                name="outcome_external_once",
            ),
        ]
        indexes = [
            # Serves the customer page.
            models.Index(fields=["customer", "-occurred_at"], name="outcome_of_customer"),
            # Serves the answers to one product of a run, and the tie-breaker.
            models.Index(
                fields=["item_id"],
                condition=Q(item_id__isnull=False),
                name="outcome_of_item",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"


class UpliftReport(models.Model):
    """What a campaign, or all of them, changed, as computed on one day."""

    campaign = models.ForeignKey(
        Campaign,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="uplift_reports",
        help_text="Empty: all campaigns together.",
    )
    as_of = models.DateField()
    window_days = models.PositiveSmallIntegerField()
    results = models.JSONField(default=dict)
    words = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-as_of", "-id"]
        verbose_name = "uplift report"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "as_of"], name="uplift_report_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"Uplift as of {self.as_of:%Y-%m-%d}"
