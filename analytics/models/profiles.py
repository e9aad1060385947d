"""What each customer buys, when and how often, as the last refresh found it."""

from typing import Literal, TypedDict

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from customers.models import Customer
from orders.models import Product


class ValueShare(TypedDict):
    """One value, its share (0 to 1) of the revenue whose value is known, and that revenue."""

    value: str
    share: float
    revenue: float


class AromaScore(TypedDict):
    """How strong an axis is liked (0 to 1, and in words), and how sure that is (0 to 1)."""

    score: float
    confidence: float
    level: Literal["low", "medium", "high"]


def _shares(help_text: str) -> models.JSONField[list[ValueShare] | None, list[ValueShare] | None]:
    return models.JSONField(null=True, editable=False, help_text=help_text)


class CustomerProfile(models.Model):
    """One row per customer with a counted sale. Written by ``refresh_profiles`` only.

    Money is without tax. Lists hold at most five values, the one with the most revenue first;
    revenue is net of returns, and values that brought none are left out. NULL says "not known",
    as in a shop without taste attributes, and never "none".

    ``as_of`` is the day whose end was described when the figures last changed: a customer without
    anything new keeps it. How far everybody has been looked at says the ledger (``profiles``).
    """

    customer = models.OneToOneField(
        Customer,
        primary_key=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="taste",
    )
    orders = models.PositiveIntegerField(help_text="Number of sales.")
    average_order_value = models.DecimalField(
        max_digits=14, decimal_places=2, help_text="Of the sales, before returns."
    )
    returns_share = models.DecimalField(
        max_digits=5, decimal_places=4, null=True, help_text="Returned of each unit sold, 0 to 1."
    )
    median_gap_days = models.FloatField(
        null=True, help_text="Between days with a purchase; needs two of them."
    )
    first_product = models.ForeignKey(
        Product,
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The dearest article of the first sale.",
    )
    last_product = models.ForeignKey(
        Product,
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The dearest article of the newest sale.",
    )
    preferred_hour = models.PositiveSmallIntegerField(
        null=True, help_text="Local hour of most sales; needs three with a time."
    )
    preferred_weekday = models.PositiveSmallIntegerField(
        null=True, help_text="1 (Monday) to 7 (Sunday); needs three sales."
    )
    preferred_season = models.CharField(  # noqa: DJ001 - NULL is "not known"
        max_length=6, null=True, help_text="winter, spring, summer or autumn; needs three sales."
    )
    channels = _shares("Where was ordered.")
    families = _shares("Product families.")
    grapes = _shares("Grapes.")
    sugar_levels = _shares("Sugar levels.")
    price_bands = _shares("Price bands.")
    products = _shares("Articles, by their key.")
    aromas: models.JSONField[dict[str, AromaScore] | None, dict[str, AromaScore] | None] = (
        models.JSONField(
            null=True,
            editable=False,
            help_text="By axis: score, confidence, level; needs two orders.",
        )
    )
    aroma_confidence = models.FloatField(null=True, help_text="0 to 1, over all axes.")
    as_of = models.DateField(help_text="The end of this local day was described.")
    refreshed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "customer profile"
        constraints = [
            models.CheckConstraint(condition=Q(orders__gt=0), name="profile_has_orders"),
        ]
        indexes = [
            # Serves whoever reads only what changed, as the embeddings do.
            models.Index(fields=["refreshed_at", "customer"], name="profile_refreshed"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: profile as of {self.as_of:%Y-%m-%d}"
