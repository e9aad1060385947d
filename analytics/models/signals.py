"""What customers do: the log of what was received, the receipts, and the signals made of it.

The partitioned tables are made by SQL (``analytics/sql/signal_storage_v1.sql``), with their
indexes; the classes here describe them to Django. Their key in the database is (id, time), because
a partitioned table's key holds the column that it is partitioned by; ids alone are unique too.
Rows are written by ``analytics.services.signal_store`` only.
"""

from typing import Self

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from analytics.models.signal_types import SignalType
from customers.models import Customer
from orders.models import Product


class SignalQuerySet(models.QuerySet["Signal"]):
    def of_customer(self, customer: Customer | int) -> Self:
        """Signals of one customer, newest first."""
        return self.filter(customer=customer).order_by("-occurred_at", "-id")

    def unresolved(self) -> Self:
        """Signals of somebody whom we do not know yet."""
        return self.filter(customer__isnull=True)

    def purchases(self) -> Self:
        return self.filter(event_type="purchase")

    def raising_interest(self) -> Self:
        """Signals of the customer's own doing: what we send never raises their score."""
        ours = SignalType.objects.filter(signal_class=SignalType.Class.OUTREACH)
        return self.exclude(event_type__in=ours.values("event_type"))


class SignalManager(models.Manager.from_queryset(SignalQuerySet)):  # type: ignore[misc]
    """Reads signals without their search words, which are longer than all the rest."""

    def get_queryset(self) -> SignalQuerySet:
        found: SignalQuerySet = super().get_queryset().defer("search")
        return found


class Signal(models.Model):
    """One thing that a customer did, or that was done towards them.

    ``customer`` is empty while nobody has that code or alias; who comes to have it is linked in
    the same transaction, by a trigger. A customer who is removed leaves their signals behind,
    with ``customer_ref`` and without ``customer``.
    """

    class Kind(models.TextChoices):
        TRACK = "track"
        IDENTIFY = "identify"
        ALIAS = "alias"
        GROUP = "group"
        PAGE = "page"
        SCREEN = "screen"

    id = models.UUIDField(primary_key=True, editable=False, help_text="Also the receipt's id.")
    occurred_at = models.DateTimeField(help_text="When it happened, as the sender says.")
    received_at = models.DateTimeField(help_text="When we took it.")
    created_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When it was stored here."
    )
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        # A trigger empties it, or follows an alias, when the customer is removed.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="signals",
    )
    customer_ref = models.CharField(max_length=200, help_text="The customer's code, as sent.")
    product = models.ForeignKey(
        Product,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="signals",
    )
    product_ref = models.CharField(max_length=200, blank=True, help_text="The article, as sent.")
    event_type = models.CharField(max_length=50)
    score = models.DecimalField(
        max_digits=3, decimal_places=2, help_text="0 to 1: the type's base score and modifiers."
    )
    source = models.CharField(max_length=200, help_text="Who sent it; message ids are its own.")
    message_id = models.CharField(max_length=100, blank=True, help_text="The sender's own id.")
    historical = models.BooleanField(
        default=False, help_text="Sent to complete the record: starts nothing."
    )
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.TRACK)
    signal_data = models.JSONField(default=dict, help_text="What the sender told about it.")
    search = models.GeneratedField(
        expression=Func(
            F("event_type"),
            F("customer_ref"),
            F("product_ref"),
            F("signal_data"),
            function="crm_signal_words",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = SignalManager()

    class Meta:
        db_table = "analytics_signal"
        ordering = ["-occurred_at", "-id"]

    def __str__(self) -> str:
        return f"{self.event_type} of {self.customer_ref}"


class Outcome(models.TextChoices):
    """What became of an event when it was first processed."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


class RawEvent(models.Model):
    """One event exactly as it was received, also when it was a duplicate or could not be read.

    Append-only: a trigger refuses changes. Retention drops whole months.
    """

    Outcome = Outcome

    id = models.UUIDField(primary_key=True, editable=False)
    received_at = models.DateTimeField()
    source = models.CharField(max_length=200)
    token = models.CharField(max_length=12, blank=True, help_text="Prefix of the token used.")
    message_id = models.CharField(max_length=100, blank=True)
    shape = models.CharField(max_length=10, help_text="signal, segment or cloudevent.")
    hint = models.CharField(max_length=10, blank=True, help_text="The Segment call, if it was one.")
    sent_at = models.CharField(max_length=40, blank=True, help_text="The sender's clock, as sent.")
    may_identify = models.BooleanField(
        default=False, help_text="Whether the sender may create and change customers."
    )
    outcome = models.CharField(max_length=11, choices=Outcome, default=Outcome.STORED)
    body = models.BinaryField(help_text="The bytes of this one event.")

    class Meta:
        db_table = "analytics_rawevent"
        ordering = ["-id"]
        verbose_name = "raw event"

    def __str__(self) -> str:
        return f"{self.shape} from {self.source} {self.received_at:%Y-%m-%d %H:%M:%S}"


class SignalReceipt(models.Model):
    """The first event with a message id of a source: all later ones are duplicates, for ever."""

    digest = models.BinaryField(
        primary_key=True, max_length=16, help_text="Of source and message id."
    )
    event_id = models.UUIDField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "analytics_signalreceipt"
        verbose_name = "signal receipt"

    def __str__(self) -> str:
        return str(self.event_id)


class QuarantinedEventQuerySet(models.QuerySet["QuarantinedEvent"]):
    def open(self) -> Self:
        """Events that still wait for somebody to decide."""
        return self.filter(resolved_at__isnull=True)


class QuarantinedEvent(models.Model):
    """An event that was acknowledged and cannot be stored, with the reason.

    It can be replayed when the reason is gone, or discarded. The raw log has it too.
    """

    class Resolution(models.TextChoices):
        OPEN = "", "open"
        STORED = "stored"
        DUPLICATE = "duplicate"
        DISCARDED = "discarded"

    id = models.UUIDField(primary_key=True, editable=False)
    received_at = models.DateTimeField()
    source = models.CharField(max_length=200)
    token = models.CharField(max_length=12, blank=True)
    message_id = models.CharField(max_length=100, blank=True)
    shape = models.CharField(max_length=10)
    hint = models.CharField(max_length=10, blank=True)
    sent_at = models.CharField(max_length=40, blank=True)
    may_identify = models.BooleanField(default=False)
    body = models.BinaryField()
    code = models.CharField(max_length=40, help_text="The reason as a word, like too_deep.")
    reason = models.CharField(max_length=300, help_text="The reason in words.")
    attempts = models.PositiveIntegerField(default=1)
    quarantined_at = models.DateTimeField(db_default=Now(), editable=False)
    last_attempt_at = models.DateTimeField(db_default=Now(), editable=False)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=9, choices=Resolution, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True, help_text="Who decided.")

    objects = QuarantinedEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "quarantined event"
        permissions = [
            ("replay_quarantinedevent", "Can replay quarantined events"),
            ("discard_quarantinedevent", "Can discard quarantined events"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(resolution__in=["", "stored", "duplicate", "discarded"]),
                name="quarantined_resolution_known",
            ),
            models.CheckConstraint(
                condition=Q(resolution="", resolved_at__isnull=True)
                | (~Q(resolution="") & Q(resolved_at__isnull=False)),
                name="quarantined_resolution_dated",
            ),
        ]
        indexes = [
            # Serves the admin's list, the replay and the count of open ones.
            models.Index(
                fields=["-id"], name="quarantined_open", condition=Q(resolved_at__isnull=True)
            ),
            # Serves the rate of quarantine, which alerts watch.
            models.Index(fields=["-quarantined_at"], name="quarantined_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"
