"""May we write to a customer, and when did we: campaigns, consents, contacts."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped
from customers.models.customer import Customer


class Channel(models.TextChoices):
    EMAIL = "email", "e-mail"
    SMS = "sms", "SMS"
    PHONE = "phone"
    POST = "post"
    TELEGRAM = "telegram"


class Purpose(models.TextChoices):
    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@staff_history(exclude=["created_at", "updated_at"])
class Campaign(TimeStamped):
    """A planned contact: over which channel, for what, when, at what cost."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    channel = models.CharField(max_length=10, choices=Channel)
    purpose = models.CharField(max_length=15, choices=Purpose, default=Purpose.MARKETING)
    cost = models.DecimalField(
        max_digits=14, decimal_places=2, default=0, help_text="All of it, in the shop's currency."
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    holdout_share = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default="0.100",
        help_text="Part of the chosen customers who get nothing, to measure the effect: 0 to 0.5.",
    )
    window_days = models.PositiveSmallIntegerField(
        default=30,
        db_default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Orders within so many days after the contact count as its outcome: 1 to 365.",
    )
    contact_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When it is going to be sent. While this lies ahead, it is decided for that"
        " moment who may be contacted.",
    )

    class Meta:
        ordering = ["-starts_at", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="campaign_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="campaign_purpose_known"
            ),
            models.CheckConstraint(condition=Q(cost__gte=0), name="campaign_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(holdout_share__gte=0, holdout_share__lte=0.5),
                name="campaign_holdout_share",
            ),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, window_days__lte=365), name="campaign_window_days"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True)
                | Q(starts_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
                name="campaign_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContactEvent(models.Model):
    """One message to or from a customer, and what became of it."""

    class Direction(models.TextChoices):
        OUTBOUND = "outbound"
        INBOUND = "inbound"

    class Status(models.TextChoices):
        SENT = "sent"
        DELIVERED = "delivered"
        OPENED = "opened"
        CLICKED = "clicked"
        BOUNCED = "bounced"
        FAILED = "failed"
        RECEIVED = "received"

    # Reports of a mail system may overtake one another: a message never becomes less than it was.
    # An inbound one is received and has no steps.
    STEPS = (
        Status.SENT,
        Status.DELIVERED,
        Status.OPENED,
        Status.CLICKED,
        Status.FAILED,
        Status.BOUNCED,
    )

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="contacts")
    occurred_at = models.DateTimeField()
    channel = models.CharField(max_length=10, choices=Channel)
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.OUTBOUND)
    purpose = models.CharField(max_length=15, choices=Purpose, default=Purpose.MARKETING)
    status = models.CharField(max_length=10, choices=Status, default=Status.SENT)
    campaign = models.ForeignKey(
        Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="contacts"
    )
    external_id = models.CharField(
        max_length=200,
        unique=True,
        help_text="The sender's id of the message; sent twice, stored once.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-occurred_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="contact_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(direction__in=["outbound", "inbound"]), name="contact_direction_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="contact_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "sent",
                        "delivered",
                        "opened",
                        "clicked",
                        "bounced",
                        "failed",
                        "received",
                    ]
                ),
                name="contact_status_known",
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="contact_external_id_given"),
        ]
        indexes = [
            # Serves the customer page and the silence window (seed 002, ix_contact_customer_date).
            models.Index(fields=["customer", "-occurred_at"], name="contact_customer_newest"),
            # Serves the API's list, newest first, page by page.
            models.Index(fields=["-occurred_at", "-id"], name="contact_newest"),
            # Serves the silence window and the frequency cap of all customers at once, from the
            # index alone: marketing that was really sent.
            models.Index(
                fields=["customer", "-occurred_at"],
                name="contact_silence",
                condition=Q(
                    direction="outbound",
                    purpose="marketing",
                    status__in=["sent", "delivered", "opened", "clicked"],
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.direction} {self.occurred_at:%Y-%m-%d}"


@staff_history(exclude=["created_at", "updated_at"])
class Consent(TimeStamped):
    """What a customer allowed or refused, per channel and purpose, with where and when."""

    class Status(models.TextChoices):
        GRANTED = "granted"
        DENIED = "denied"
        WITHDRAWN = "withdrawn"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=10, choices=Channel)
    purpose = models.CharField(max_length=15, choices=Purpose, default=Purpose.MARKETING)
    status = models.CharField(max_length=10, choices=Status)
    source = models.CharField(
        max_length=100, help_text="Where it was given, like checkout or web form."
    )
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["customer", "channel", "purpose"]
        constraints = [
            models.UniqueConstraint(fields=["customer", "channel", "purpose"], name="consent_once"),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="consent_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="consent_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["granted", "denied", "withdrawn"]),
                name="consent_status_known",
            ),
        ]

    def clean(self) -> None:
        """Refuse a decision that is still to come: until then nobody would obey it, and every
        real one would be taken for an older one."""
        super().clean()
        # None where the form could not read it.
        given: datetime | None = self.decided_at
        if given is not None and given > timezone.now() + timedelta(minutes=5):
            raise ValidationError({"decided_at": "This is in the future."})

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.status}"
