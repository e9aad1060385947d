"""A file that was given to us, what became of each of its lines, and what was refused."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from crm_project.common.models import Job


class ImportBatch(models.Model):
    """One file on its way in: uploaded → previewed → importing → committed, or failed."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded"
        PREVIEWING = "previewing"
        PREVIEWED = "previewed"
        IMPORTING = "importing"
        COMMITTED = "committed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Mode(models.TextChoices):
        CREATE = "create", "only create what is new"
        UPDATE = "update", "only update what exists"
        BOTH = "both", "create and update"

    class OnError(models.TextChoices):
        SKIP = "skip", "keep the bad lines aside and import the rest"
        STOP = "stop", "import nothing if any line is bad"

    kind = models.CharField(max_length=20, help_text="What the file holds: orders, customers, …")
    format = models.CharField(max_length=30, help_text="Its shape, like online-retail or generic.")
    source = models.CharField(
        max_length=50,
        help_text="The shop system it comes from; order numbers are unique within it.",
    )
    mode = models.CharField(max_length=6, choices=Mode, default=Mode.BOTH)
    on_error = models.CharField(max_length=4, choices=OnError, default=OnError.SKIP)
    options = models.JSONField(default=dict, blank=True)
    file_name = models.CharField(max_length=255)
    file_path = models.CharField(max_length=500, editable=False)
    file_size = models.BigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.UPLOADED)
    lines = models.BigIntegerField(default=0, help_text="Data lines in the file.")
    new = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(
        default=0, help_text="Good lines that the chosen mode leaves out."
    )
    summary = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "import batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "uploaded",
                        "previewing",
                        "previewed",
                        "importing",
                        "committed",
                        "failed",
                        "cancelled",
                    ]
                ),
                name="import_status_known",
            ),
            models.CheckConstraint(
                condition=Q(mode__in=["create", "update", "both"]), name="import_mode_known"
            ),
            models.CheckConstraint(
                condition=Q(on_error__in=["skip", "stop"]), name="import_on_error_known"
            ),
            # Every line of a committed file is accounted for, exactly once.
            models.CheckConstraint(
                condition=~Q(status="committed")
                | Q(lines=F("new") + F("changed") + F("unchanged") + F("refused") + F("skipped")),
                name="import_every_line_accounted",
            ),
        ]
        indexes = [
            # Serves the admin's list of imports, newest first.
            models.Index(fields=["-created_at"], name="import_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.status})"


class RefusedRow(models.Model):
    """A line that was not imported, with its number, its text and the reason in words."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="refused_rows")
    line_number = models.BigIntegerField(help_text="Line in the file; the header is line 1.")
    raw = models.TextField(help_text="The line as it stands in the file (long ones are cut).")
    code = models.CharField(max_length=40, help_text="The reason as a code, for counting.")
    reason = models.CharField(max_length=300, help_text="The reason in words.")

    class Meta:
        ordering = ["batch", "line_number"]
        indexes = [
            # Serves the refused lines of one batch, in the file's order, and their download.
            models.Index(fields=["batch", "line_number"], name="refused_in_order"),
        ]

    def __str__(self) -> str:
        return f"line {self.line_number}: {self.reason}"
