"""Segments that staff describe by a rule, who is in them, and who took the list away."""

from typing import Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped
from customers.models import Customer

_COMPUTED = [
    "member_count",
    "added_count",
    "removed_count",
    "built_at",
    "built_hash",
    "duration_ms",
    "error",
    "failed_at",
]


class SavedSegmentQuerySet(models.QuerySet["SavedSegment"]):
    def active(self) -> Self:
        """Segments that are rebuilt and shown."""
        return self.filter(is_archived=False)


@staff_history(exclude=["created_at", "updated_at", *_COMPUTED])
class SavedSegment(TimeStamped):
    """A rule with a name. Its members are those for whom the rule was true when it was built.

    ``updated_at`` is when the description or the rule last changed; a rebuild leaves it alone.
    """

    slug = models.CharField(
        max_length=60,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z0-9]+(-[a-z0-9]+)*$", "Use small letters, digits and single hyphens."
            )
        ],
        help_text="In addresses and in the API, like high-value-at-risk. Does not change later.",
    )
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True, max_length=2000, help_text="What it is for.")
    rule = models.JSONField(help_text="Who is in it.")
    rule_hash = models.CharField(
        max_length=64, editable=False, help_text="Names the rule; equal rules have equal names."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="saved_segments",
        help_text="Whom to ask about it.",
    )
    is_archived = models.BooleanField(
        default=False, db_default=False, help_text="Kept as a description, without members."
    )
    member_count = models.PositiveIntegerField(
        null=True, editable=False, help_text="Customers in it. Empty: it was never built."
    )
    added_count = models.PositiveIntegerField(
        null=True, editable=False, help_text="Customers who came in with the last rebuild."
    )
    removed_count = models.PositiveIntegerField(
        null=True, editable=False, help_text="Customers who left with the last rebuild."
    )
    built_at = models.DateTimeField(
        null=True, editable=False, help_text="The moment that the members describe."
    )
    built_hash = models.CharField(
        max_length=64, blank=True, editable=False, help_text="The rule that gave the members."
    )
    duration_ms = models.PositiveIntegerField(
        null=True, editable=False, help_text="Milliseconds of the last rebuild."
    )
    error = models.TextField(
        blank=True, editable=False, help_text="Why the last rebuild failed; the members stayed."
    )
    failed_at = models.DateTimeField(null=True, editable=False)

    objects = SavedSegmentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "saved segment"
        permissions = [
            ("rebuild_savedsegment", "Can rebuild saved segments"),
            ("export_savedsegment", "Can export the members of saved segments"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(slug__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"), name="saved_segment_slug_form"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="saved_segment_named"),
            models.CheckConstraint(
                condition=Q(
                    built_at__isnull=True,
                    member_count__isnull=True,
                    duration_ms__isnull=True,
                    built_hash="",
                )
                | Q(built_at__isnull=False, member_count__isnull=False, duration_ms__isnull=False),
                name="saved_segment_built_dated",
            ),
            models.CheckConstraint(
                condition=Q(error="", failed_at__isnull=True)
                | (~Q(error="") & Q(failed_at__isnull=False)),
                name="saved_segment_failure_dated",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_stale(self) -> bool:
        """Whether the rule was changed after the members were found."""
        return self.built_at is not None and self.built_hash != self.rule_hash


class SavedSegmentMember(models.Model):
    """One customer in one segment. Written in sets by a rebuild only, and only what changed.

    No foreign keys in the database: a check of each of a million rows would cost more than finding
    them, and neither customers nor segments are deleted.
    """

    pk = models.CompositePrimaryKey("segment_id", "customer_id")
    segment = models.ForeignKey(
        SavedSegment,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="members",
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="saved_memberships",
    )
    since = models.DateTimeField(help_text="The rebuild with which the customer came in.")

    class Meta:
        verbose_name = "member of a saved segment"
        verbose_name_plural = "members of saved segments"
        indexes = [
            # Serves the customer page: the segments of one customer.
            models.Index(fields=["customer", "segment"], name="saved_member_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.segment_id}"


class SavedSegmentExport(models.Model):
    """Somebody took the members of a segment out as a file: who, when, how many, what."""

    class Way(models.TextChoices):
        ADMIN = "admin"
        API = "api", "API"

    segment = models.ForeignKey(SavedSegment, on_delete=models.PROTECT, related_name="exports")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    way = models.CharField(max_length=5, choices=Way)
    personal = models.BooleanField(help_text="Whether names and addresses were in it.")
    request_id = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, help_text="Empty: it was broken off.")
    rows = models.PositiveIntegerField(null=True, help_text="Customers in the file.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "export of a saved segment"
        verbose_name_plural = "exports of saved segments"
        constraints = [
            models.CheckConstraint(
                condition=Q(way__in=["admin", "api"]), name="saved_export_way_known"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, rows__isnull=True)
                | Q(finished_at__gte=F("started_at"), rows__isnull=False),
                name="saved_export_finished_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.started_at:%Y-%m-%d %H:%M}"
