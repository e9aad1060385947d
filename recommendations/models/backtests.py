"""How good recommendations would have been on past days, and which plan that speaks for."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from recommendations.models.configs import RecoConfig


class BacktestRunQuerySet(models.QuerySet["BacktestRun"]):
    def current(self) -> Self:
        """At most one: what the next run of recommendations believes."""
        return self.filter(is_current=True)


class BacktestRun(models.Model):
    """One judgement over several past days (origins), each knowing nothing of what came later."""

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.AutoField(primary_key=True)
    as_of = models.DateField(help_text="Nothing after the end of this local day was looked at.")
    origins = models.JSONField(default=list, help_text="The past days from which it looked ahead.")
    config = models.ForeignKey(
        RecoConfig, null=True, blank=True, on_delete=models.PROTECT, related_name="backtests"
    )
    options = models.JSONField(default=dict, blank=True, help_text="Targets, groups, draws, seed.")
    results = models.JSONField(default=dict, blank=True, help_text="Every method, every measure.")
    chosen = models.JSONField(
        default=dict, blank=True, help_text="Plan of slots, weights, and the rule that ranks."
    )
    words = models.JSONField(default=list, blank=True, help_text="What was found, in sentences.")
    data_version = models.JSONField(default=dict, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True, help_text="Why it failed, in words.")
    is_current = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = BacktestRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "back-test"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "succeeded", "failed"]),
                name="backtest_status_known",
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(status="succeeded"),
                name="backtest_current_succeeded",
            ),
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="backtest_one_current"
            ),
        ]

    def __str__(self) -> str:
        return f"Back-test as of {self.as_of:%Y-%m-%d} (run {self.pk})"
