"""A ledger of what was computed, up to when, how long it took and what failed."""

from datetime import timedelta

from django.db import models


class RefreshState(models.Model):
    """One run of one named step. The newest successful row says how fresh a number is."""

    name = models.CharField(max_length=60, help_text="The step, like rfm or dashboard.")
    as_of = models.DateTimeField(
        null=True,
        blank=True,
        help_text="What the numbers describe, where it is not the run's time.",
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-started_at"]
        permissions = [("view_database", "Can see how the database is doing")]
        indexes = [
            # Serves "how fresh is this?": the newest run of a step.
            models.Index(fields=["name", "-started_at"], name="refresh_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def duration(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None

    @property
    def succeeded(self) -> bool:
        return self.finished_at is not None and not self.error
