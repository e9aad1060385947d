"""What is sold. Taste fields stay empty in a shop that has none."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower, Trim

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped
from orders.references import parent_triggers

AROMA_AXES = ("fruity", "floral", "spicy", "woody", "mineral", "herbal", "earthy")


class ProductQuerySet(models.QuerySet["Product"]):
    def recommendable(self) -> Self:
        """Active goods: charges and adjustments are order lines, never offers."""
        return self.filter(kind=Product.Kind.PRODUCT, is_active=True)

    def search(self, text: str) -> Self:
        """Products whose key or label contains every word of ``text``."""
        found = self
        for word in text.lower().split():
            found = found.filter(search_text__contains=word)
        return found


def _aroma() -> models.PositiveSmallIntegerField[int | None, int | None]:
    return models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="1 to 5.",
    )


@staff_history(exclude=["created_at", "updated_at", "search_text", "popularity"])
class Product(TimeStamped):
    """An article of the catalogue, or a charge such as postage."""

    class Kind(models.TextChoices):
        PRODUCT = "product"
        CHARGE = "charge", "charge or adjustment"

    key = models.CharField(max_length=64, unique=True, help_text="The article number in the shop.")
    label = models.CharField(max_length=300)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PRODUCT, db_default="product")
    category = models.CharField(max_length=100, blank=True)
    family = models.CharField(max_length=100, blank=True)
    # The taste fields are NULL, not empty, in a shop that has none: "not known" is not "none".
    grape = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - see above
    sugar_level = models.CharField(  # noqa: DJ001 - see above
        max_length=50, null=True, blank=True, help_text="Like dry or sweet."
    )
    price = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    unit_cost = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    price_band = models.CharField(max_length=50, null=True, blank=True)  # noqa: DJ001 - see above
    premium_tier = models.PositiveSmallIntegerField(null=True, blank=True, help_text="0 to 3.")
    aroma_fruity = _aroma()
    aroma_floral = _aroma()
    aroma_spicy = _aroma()
    aroma_woody = _aroma()
    aroma_mineral = _aroma()
    aroma_herbal = _aroma()
    aroma_earthy = _aroma()
    season_tags = ArrayField(
        models.CharField(max_length=30), default=list, blank=True, db_default=[]
    )
    stock = models.IntegerField(null=True, blank=True, help_text="Empty: not known.")
    is_active = models.BooleanField(default=True, db_default=True)
    popularity = models.FloatField(
        null=True, blank=True, editable=False, help_text="Customers who bought it in 90 days."
    )
    derived_fields = ArrayField(
        models.CharField(max_length=30),
        default=list,
        blank=True,
        db_default=[],
        help_text="Fields that a documented rule filled, not the shop.",
    )
    attributes = models.JSONField(default=dict, blank=True, db_default={})
    search_text = models.GeneratedField(
        expression=Lower(Concat("key", Value(" "), "label", output_field=models.TextField())),
        output_field=models.TextField(),
        db_persist=True,
    )

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        permissions = [("derive_product", "Can fill empty fields of products by rule")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["product", "charge"]), name="product_kind_known"
            ),
            models.CheckConstraint(
                condition=~Q(key="") & Q(key=Trim(F("key"))), name="product_key_trimmed"
            ),
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price__gte=0), name="product_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(unit_cost__isnull=True) | Q(unit_cost__gte=0),
                name="product_cost_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(premium_tier__isnull=True) | Q(premium_tier__lte=3),
                name="product_tier_0_to_3",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"aroma_{axis}__isnull": True})
                    | Q(**{f"aroma_{axis}__range": (1, 5)}),
                    name=f"product_aroma_{axis}_1_to_5",
                )
                for axis in AROMA_AXES
            ),
        ]
        indexes = [
            # Serves search by key or label in the admin and the API.
            GinIndex(OpClass("search_text", name="gin_trgm_ops"), name="product_search"),
            # Serves the family filter (seed 002, ix_product_family).
            models.Index(fields=["family", "key"], name="product_family"),
        ]

        triggers = parent_triggers("product_id")

    def __str__(self) -> str:
        return f"{self.label} ({self.key})"


class ProductAlias(models.Model):
    """Another label under which a product is known: normalised label → product."""

    label = models.CharField(max_length=300, help_text="As the source writes it.")
    normalized_label = models.GeneratedField(
        expression=Lower(Trim("label")),
        output_field=models.CharField(max_length=300),
        db_persist=True,
    )
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="aliases")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["label"]
        verbose_name_plural = "product aliases"
        constraints = [
            models.UniqueConstraint(fields=["normalized_label"], name="product_alias_once"),
        ]

    def __str__(self) -> str:
        return self.label
