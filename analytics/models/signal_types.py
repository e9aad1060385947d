"""What each kind of signal is worth: data that staff may change."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from crm_project.common.history import staff_history

_NAME = RegexValidator(r"^[a-z][a-z0-9_]*$", "Use small letters, digits and _, like add_to_cart.")


class SignalTypeQuerySet(models.QuerySet["SignalType"]):
    def outreach(self) -> Self:
        """What we do ourselves: it never says that a customer is interested."""
        return self.filter(signal_class=SignalType.Class.OUTREACH)


@staff_history()
class SignalType(models.Model):
    """A kind of event: its score, its class, and the names under which others send it.

    Events of types that are not listed are stored too, with a score of 0.10. A change counts for
    signals stored from then on; those already stored keep their score.
    """

    class Class(models.TextChoices):
        NONE = "", "none"
        OUTREACH = "outreach"
        ENGAGEMENT = "engagement"
        HIGH_ENGAGEMENT = "high_engagement", "high engagement"
        INTENT = "intent"
        HIGH_INTENT = "high_intent", "high intent"

    id = models.SmallAutoField(primary_key=True)
    event_type = models.CharField(
        max_length=50, unique=True, validators=[_NAME], help_text="Like add_to_cart."
    )
    label = models.CharField(max_length=60, help_text="What people read, like Added to cart.")
    base_score = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        default="0.10",
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="0 to 1, before modifiers.",
    )
    signal_class = models.CharField(
        max_length=15,
        choices=Class,
        blank=True,
        help_text="Outreach is what we do: it never raises a customer's score.",
    )
    aliases = ArrayField(
        models.CharField(max_length=50, validators=[_NAME]),
        default=list,
        blank=True,
        help_text="Other names under which it is sent, like product_viewed for view.",
    )
    description = models.TextField(blank=True)

    objects = SignalTypeQuerySet.as_manager()

    class Meta:
        ordering = ["event_type"]
        verbose_name = "signal type"
        constraints = [
            models.CheckConstraint(
                condition=Q(base_score__gte=0, base_score__lte=1), name="signal_type_score_0_to_1"
            ),
            models.CheckConstraint(
                condition=Q(
                    signal_class__in=[
                        "",
                        "outreach",
                        "engagement",
                        "high_engagement",
                        "intent",
                        "high_intent",
                    ]
                ),
                name="signal_type_class_known",
            ),
            models.CheckConstraint(
                condition=Q(event_type__regex=r"^[a-z][a-z0-9_]*$"), name="signal_type_name"
            ),
        ]

    def __str__(self) -> str:
        return self.label
