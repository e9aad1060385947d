"""Labels that may belong to a product: the queue that people work through."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now, Trim

from customers.models import ImportBatch
from orders.models.product import Product


class LabelSuggestionQuerySet(models.QuerySet["LabelSuggestion"]):
    def pending(self) -> Self:
        """Those that wait for a person."""
        return self.filter(status=LabelSuggestion.Status.PENDING)

    def search(self, text: str) -> Self:
        """Those whose label contains every word of ``text``."""
        found = self
        for word in text.lower().split():
            found = found.filter(normalized_label__contains=word)
        return found


class LabelSuggestion(models.Model):
    """A label, the product it may belong to, and what a person said about it.

    One row per normalised label, kept for ever: what was rejected is not proposed again. Only a
    product that is more alike than the rejected one, and was never rejected for this label, opens
    a rejected label again.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "waits for a decision"
        ACCEPTED = "accepted"
        REJECTED = "rejected"

    class Origin(models.TextChoices):
        IMPORT = "import", "refused lines of orders"
        SCAN = "scan", "two products alike"

    label = models.CharField(max_length=300, help_text="As the source writes it.")
    normalized_label = models.GeneratedField(
        expression=Lower(Trim("label")),
        output_field=models.CharField(max_length=300),
        db_persist=True,
    )
    origin = models.CharField(max_length=6, choices=Origin, default=Origin.IMPORT)
    source = models.CharField(
        max_length=50, blank=True, help_text="The shop system whose lines bore it."
    )
    key = models.CharField(
        max_length=64, blank=True, help_text="The article number that came with it, if one did."
    )
    seen = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="How many refused lines bore it."
    )
    other = models.ForeignKey(
        Product,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The product whose own label it is, where two products look alike.",
    )
    product = models.ForeignKey(
        Product,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="label_suggestions",
        help_text="The product it may belong to. Empty: none is alike.",
    )
    similarity = models.FloatField(
        null=True, blank=True, help_text="Share of letter triples in common, 0 to 1."
    )
    rejected_products = ArrayField(
        models.BigIntegerField(), default=list, blank=True, db_default=[], editable=False
    )
    batch = models.ForeignKey(
        ImportBatch,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The newest import that refused it.",
    )
    status = models.CharField(
        max_length=8, choices=Status, default=Status.PENDING, db_default="pending"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)
    last_seen_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = LabelSuggestionQuerySet.as_manager()

    class Meta:
        ordering = ["-seen", "-id"]
        permissions = [
            ("decide_labelsuggestion", "Can accept and reject label suggestions"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["normalized_label"], name="label_suggestion_once"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "accepted", "rejected"]),
                name="label_suggestion_status_known",
            ),
            models.CheckConstraint(
                condition=Q(origin__in=["import", "scan"]), name="label_suggestion_origin_known"
            ),
            models.CheckConstraint(
                condition=Q(similarity__isnull=True) | Q(similarity__range=(0, 1)),
                name="label_suggestion_similarity_0_to_1",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", decided_at__isnull=True)
                | (~Q(status="pending") & Q(decided_at__isnull=False)),
                name="label_suggestion_decided_has_time",
            ),
            models.CheckConstraint(condition=~Q(label=""), name="label_suggestion_label_given"),
        ]
        indexes = [
            # Serves the queue: what waits, what was seen most first.
            models.Index(
                fields=["-seen", "-id"],
                name="label_suggestion_queue",
                condition=Q(status="pending"),
            ),
            # Serves the list of all, decided or not.
            models.Index(fields=["status", "-seen", "-id"], name="label_suggestion_by_status"),
            # Serves search by words of the label.
            GinIndex(
                OpClass("normalized_label", name="gin_trgm_ops"), name="label_suggestion_search"
            ),
        ]

    def __str__(self) -> str:
        return self.label
