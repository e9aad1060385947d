"""Backups that were made and drills that restored them: what happened, when, and what went wrong.

The files themselves say what is there; these rows are the history that people and alerts read.
"""

from datetime import datetime, timedelta
from typing import Generic, Self, TypeVar

from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model)


class OperationQuerySet(models.QuerySet[M], Generic[M]):
    """Attempts at one kind of work."""

    def succeeded(self) -> Self:
        return self.filter(status=Operation.Status.SUCCEEDED)

    def over(self) -> Self:
        return self.exclude(status=Operation.Status.RUNNING)


class Operation(models.Model):
    """One attempt at something that people rely on."""

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    tables = models.PositiveIntegerField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True, help_text="Rows of all tables together.")
    error = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def alike(self) -> dict[str, str]:
        """Return what attempts have in common of which only one runs at a time."""
        return {}

    @property
    def speaks_for(self) -> datetime | None:
        """Return the moment that its success says something of; None: that of the attempt."""
        return None

    @property
    def duration(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None


class BackupRun(Operation):
    """One attempt at a backup; also one that a restored database did not know of."""

    name = models.CharField(max_length=80, blank=True, help_text="What its files are called.")
    place = models.CharField(max_length=300, blank=True, help_text="Where it lies.")
    taken_at = models.DateTimeField(
        null=True, blank=True, help_text="The moment that the backup is a copy of."
    )
    file_bytes = models.BigIntegerField(null=True, blank=True)
    dump_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    encrypted = models.BooleanField(default=False)
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When retention removed it.")

    objects = OperationQuerySet["BackupRun"].as_manager()

    class Meta:
        ordering = ["-started_at"]
        verbose_name = "backup"
        constraints = [
            models.UniqueConstraint("name", condition=~Q(name=""), name="backup_name"),
        ]

    def __str__(self) -> str:
        return self.name or f"Backup of {self.started_at:%Y-%m-%d %H:%M}"


class DrillRun(Operation):
    """One attempt to bring back what was kept, and to look at it: a backup or the log's archive."""

    class Kind(models.TextChoices):
        COPY = "copy", "Backup"
        LOG = "log", "Archive of the log"

    # Also in the database: the version before this one writes rows without it.
    kind = models.CharField(max_length=4, choices=Kind, default=Kind.COPY, db_default="copy")
    backup_name = models.CharField(max_length=80, blank=True)
    taken_at = models.DateTimeField(
        null=True, blank=True, help_text="The moment that the backup is a copy of."
    )
    fetch_seconds = models.FloatField(null=True, blank=True)
    restore_seconds = models.FloatField(null=True, blank=True)
    compare_seconds = models.FloatField(null=True, blank=True)
    differences = models.JSONField(default=list, blank=True)
    notes = models.JSONField(default=list, blank=True)
    archived_seconds = models.FloatField(
        null=True, blank=True, help_text="What was written had left the server after so long."
    )

    objects = OperationQuerySet["DrillRun"].as_manager()

    class Meta:
        ordering = ["-started_at"]
        verbose_name = "restore drill"

    def __str__(self) -> str:
        return f"Drill of {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def alike(self) -> dict[str, str]:
        return {"kind": self.kind}

    @property
    def speaks_for(self) -> datetime | None:
        # A drill of an old backup says nothing of newer ones. What is of a time to come is of now.
        if self.kind == self.Kind.LOG or self.taken_at is None:
            return None
        return min(self.taken_at, self.started_at)
