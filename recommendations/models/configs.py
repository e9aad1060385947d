"""With what numbers recommendations are made. A configuration is never changed, only replaced."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class RecoConfigQuerySet(models.QuerySet["RecoConfig"]):
    def active(self) -> Self:
        """At most one: what runs use when nobody names another."""
        return self.filter(status=RecoConfig.Status.ACTIVE)


class RecoConfig(models.Model):
    """Thresholds, weights and the plan of slots, under the hash of their canonical JSON.

    ``values`` and ``hash`` stay as they were written (a trigger holds that), so that the hash kept
    with a run says for ever what it was made with. Rules of contact are not in here: see
    ``ContactPolicy``.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PROPOSED = "proposed"
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=120)
    values = models.JSONField(help_text="Thresholds and weights; what is left out is the default.")
    hash = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the values written in one fixed way."
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    comment = models.TextField(blank=True, help_text="Why it was made.")
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
        help_text="What it was made from.",
    )
    evidence = models.JSONField(
        default=dict, blank=True, help_text="Of a proposal: the outcomes that speak for it."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    activated_at = models.DateTimeField(null=True, blank=True)

    objects = RecoConfigQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "recommendation settings"
        verbose_name_plural = "recommendation settings"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "proposed", "active", "retired"]),
                name="reco_config_status_known",
            ),
            models.CheckConstraint(
                condition=Q(hash__regex=r"^[0-9a-f]{64}$"), name="reco_config_hash_sha256"
            ),
            models.CheckConstraint(
                condition=~Q(status="active") | Q(activated_at__isnull=False),
                name="reco_config_active_since",
            ),
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="active"), name="reco_config_one_active"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="values_stay",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__values__df=pgtrigger.F("new__values"))
                | pgtrigger.Q(old__hash__df=pgtrigger.F("new__hash")),
                func="raise exception 'The values of recommendation settings never change;"
                " make new ones.';",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.short_hash})"

    @property
    def short_hash(self) -> str:
        """The first eight digits, as people read it."""
        return self.hash[:8]
