"""Runs of the scoring pipeline, and what each of their steps did."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from crm_project.common.models import Job


class PipelineRunQuerySet(models.QuerySet["PipelineRun"]):
    def unfinished(self) -> Self:
        """Runs with something left to do: killed, cancelled, failed in part, or under way."""
        return self.exclude(status=PipelineRun.Status.SUCCEEDED)


class PipelineRun(models.Model):
    """One run of the scoring pipeline. A run that ended too early can be resumed.

    ``running`` alone does not mean that somebody is at work: a killed process leaves its row. Who
    holds the advisory lock is at work (``analytics.selectors.pipeline.at_work``).
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    class Origin(models.TextChoices):
        SCHEDULE = "schedule", "the schedule"
        COMMAND = "command", "a command"
        ADMIN = "admin", "the admin"
        API = "api", "the API"

    id = models.AutoField(primary_key=True)
    as_of = models.DateField(help_text="The numbers describe the end of this local day.")
    make_current = models.BooleanField(
        default=True, help_text="No: a day of the past; what people see today stays."
    )
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.COMMAND)
    status = models.CharField(max_length=11, choices=Status, default=Status.RUNNING)
    error = models.TextField(blank=True, help_text="Why it did not end well, in words.")
    attempts = models.PositiveSmallIntegerField(default=1, help_text="Starts, resumed ones too.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    job = models.ForeignKey(
        Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="pipeline_runs"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    resumed_at = models.DateTimeField(null=True, blank=True, help_text="The newest start.")
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = PipelineRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "succeeded", "failed", "interrupted"]),
                name="pipeline_run_status_known",
            ),
            models.CheckConstraint(
                condition=Q(origin__in=["schedule", "command", "admin", "api"]),
                name="pipeline_run_origin_known",
            ),
        ]

    def __str__(self) -> str:
        return f"Pipeline as of {self.as_of:%Y-%m-%d} (run {self.pk})"


class PipelineStep(models.Model):
    """One step of a run, as it went the last time it was started."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        SKIPPED = "skipped", "not needed"
        FAILED = "failed"
        BLOCKED = "blocked", "not started"
        INTERRUPTED = "interrupted"

    DONE = (Status.SUCCEEDED, Status.SKIPPED)

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    status = models.CharField(max_length=11, choices=Status, default=Status.WAITING)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    words = models.TextField(blank=True, help_text="What it found, or why it was not needed.")
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    inputs = models.JSONField(
        default=dict, blank=True, help_text="Fingerprint of what it read, taken at its start."
    )

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="pipeline_step_once_per_run"),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        *("waiting", "running", "succeeded", "skipped", "failed", "blocked"),
                        "interrupted",
                    ]
                ),
                name="pipeline_step_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def duration(self) -> timedelta | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    @property
    def seconds(self) -> float | None:
        return round(self.duration.total_seconds(), 3) if self.duration else None
