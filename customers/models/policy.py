"""The shop's rules about contact: how often, how soon, with whose consent, and who is left alone.

One row holds the rules; exceptions for a channel or a scenario stand beside it. What a single
customer asked for (no mail any more, not before May) is a block.
"""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped
from customers.models.contact import Channel
from customers.models.customer import Customer

# What a customer may be written to about; the recommendations decide which one it is.
SCENARIOS = ("WINBACK", "REBUY", "CROSS_SELL", "UPSELL", "NURTURE")
LONGEST_DAYS = 3650
_DAYS = [MinValueValidator(0), MaxValueValidator(LONGEST_DAYS)]


@staff_history(exclude=["created_at", "updated_at"])
class ContactPolicy(TimeStamped):
    """When a customer may be contacted. There is one row, and everybody reads it."""

    ONLY = 1

    id = models.SmallIntegerField(primary_key=True, default=ONLY, editable=False)
    silence_window_days = models.PositiveIntegerField(
        default=135,
        db_default=135,
        validators=_DAYS,
        help_text="Days between two marketing contacts. Exactly this many days later is allowed.",
    )
    frequency_cap = models.PositiveIntegerField(
        default=4,
        db_default=4,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="At most so many marketing contacts within the days below, of all campaigns.",
    )
    frequency_days = models.PositiveIntegerField(
        default=30, db_default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    recent_order_days = models.PositiveIntegerField(
        default=14,
        db_default=14,
        validators=_DAYS,
        help_text="After an order, no marketing for so many days: it would look automatic. 0: off.",
    )
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="Nothing is sent from here on, in the shop's time zone."
    )
    quiet_until = models.TimeField(
        null=True, blank=True, help_text="Until this hour; after midnight where it is earlier."
    )
    consent_channels = ArrayField(
        models.CharField(max_length=10, choices=Channel),
        default=list,
        db_default=[],
        blank=True,
        help_text="Channels on which marketing needs a granted consent. A refused or withdrawn"
        " one is obeyed on every channel.",
    )
    holdout_share = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default="0.050",
        db_default=0.05,
        help_text="Part of all customers who get no marketing at all, to measure what all of it"
        " brings: 0 to 0.5.",
    )
    holdout_salt = models.CharField(
        max_length=50,
        default="holdout",
        db_default="holdout",
        help_text="Another word chooses other customers for the holdout.",
    )
    holdout_rotates = models.BooleanField(
        default=True, db_default=True, help_text="Choose anew at the beginning of each quarter."
    )

    class Meta:
        verbose_name = "contact policy"
        verbose_name_plural = "contact policy"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="contact_policy_one_row"),
            models.CheckConstraint(
                condition=Q(
                    silence_window_days__lte=LONGEST_DAYS,
                    recent_order_days__lte=LONGEST_DAYS,
                    frequency_days__gte=1,
                    frequency_days__lte=365,
                    frequency_cap__gte=1,
                ),
                name="contact_policy_days_sensible",
            ),
            models.CheckConstraint(
                condition=Q(holdout_share__gte=0, holdout_share__lte=0.5),
                name="contact_policy_holdout_share",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | (
                    Q(quiet_from__isnull=False, quiet_until__isnull=False)
                    & ~Q(quiet_from=F("quiet_until"))
                ),
                name="contact_policy_quiet_hours_both",
                violation_error_message="Give both ends of the quiet hours, different from each"
                " other, or neither.",
            ),
            models.CheckConstraint(
                condition=Q(consent_channels__contained_by=Channel.values),
                name="contact_policy_channels_known",
            ),
        ]

    def __str__(self) -> str:
        return "Contact policy"


@staff_history(exclude=["created_at", "updated_at"])
class SilenceOverride(TimeStamped):
    """Another silence window for a channel, for a scenario, or for both together."""

    policy = models.ForeignKey(
        ContactPolicy,
        default=ContactPolicy.ONLY,
        on_delete=models.CASCADE,
        related_name="overrides",
        editable=False,
    )
    channel = models.CharField(
        max_length=10, choices=Channel, blank=True, help_text="Empty: every channel."
    )
    scenario = models.CharField(
        max_length=10,
        choices=[(name, name) for name in SCENARIOS],
        blank=True,
        help_text="Empty: every scenario.",
    )
    days = models.PositiveIntegerField(
        validators=_DAYS, help_text="Days of silence instead of the usual ones."
    )

    class Meta:
        ordering = ["scenario", "channel"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "scenario"], name="silence_override_once"),
            models.CheckConstraint(
                condition=~Q(channel="", scenario=""),
                name="silence_override_of_something",
                violation_error_message="Choose a channel, a scenario, or both.",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["", *Channel.values]),
                name="silence_override_channel_known",
            ),
            models.CheckConstraint(
                condition=Q(scenario__in=["", *SCENARIOS]), name="silence_override_scenario_known"
            ),
            models.CheckConstraint(
                condition=Q(days__lte=LONGEST_DAYS), name="silence_override_days_sensible"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scenario or 'every scenario'}, {self.channel or 'every channel'}"


@staff_history(exclude=["created_at", "updated_at"])
class ContactBlock(TimeStamped):
    """Why one customer is left alone on a channel, or on all, from when and until when.

    A block is never deleted to lift it: ``until`` ends it, and what was true then stays readable.
    """

    class Kind(models.TextChoices):
        OPTOUT = "optout", "opted out"
        BOUNCE = "bounce", "address bounces"
        PAUSE = "pause", "paused"

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "UNSUBSCRIBED", "unsubscribed"
        COMPLAINT = "COMPLAINT", "complained about spam"
        ASKED = "ASKED", "asked us"
        HARD_BOUNCE = "HARD_BOUNCE", "address does not exist"
        SOFT_BOUNCE = "SOFT_BOUNCE", "address does not take mail for now"
        INVALID_ADDRESS = "INVALID_ADDRESS", "address is not valid"
        OPEN_CASE = "OPEN_CASE", "a case is open with the service"
        HOLIDAY = "HOLIDAY", "away"
        OTHER = "OTHER", "other"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="contact_blocks")
    channel = models.CharField(
        max_length=10, choices=Channel, blank=True, default="", help_text="Empty: all channels."
    )
    kind = models.CharField(max_length=6, choices=Kind)
    reason = models.CharField(max_length=20, choices=Reason, default=Reason.ASKED)
    source = models.CharField(
        max_length=100, help_text="Who told us: the mail system, a call, a person."
    )
    since = models.DateTimeField()
    until = models.DateTimeField(
        null=True, blank=True, help_text="From here on contact is allowed again. Empty: for good."
    )
    raised_flag = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="The customer's flag was raised by this block, and falls with it.",
    )

    class Meta:
        ordering = ["-since"]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=["", *Channel.values]), name="contact_block_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["optout", "bounce", "pause"]), name="contact_block_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
                name="contact_block_ends_after_start",
                violation_error_message="The end lies before the beginning.",
            ),
            models.CheckConstraint(
                condition=~Q(kind="pause") | Q(until__isnull=False),
                name="contact_block_pause_ends",
                violation_error_message="A pause has an end; to stop for good, opt out.",
            ),
        ]
        indexes = [
            # Serves the customer page and the decision about single customers.
            models.Index(fields=["customer", "channel"], name="contact_block_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.channel or 'all channels'}"

    def clean(self) -> None:
        """Say in words what the constraint would refuse."""
        if self.kind == self.Kind.PAUSE and self.until is None:
            raise ValidationError({"until": "A pause has an end; to stop for good, opt out."})
