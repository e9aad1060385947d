"""What customers bought and sent back."""

from typing import Self

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Round

from crm_project.common.history import staff_history
from crm_project.common.models import TimeStamped
from customers.models import Customer, ImportBatch
from orders.models.product import Product
from orders.references import ITEM_TRIGGERS, parent_triggers
from orders.triggers import TOTALS_TRIGGERS


class OrderQuerySet(models.QuerySet["Order"]):
    def counted(self) -> Self:
        """Orders that money figures count; the same rule is fixed in the totals' SQL."""
        return self.filter(status__in=Order.COUNTED)

    def sales(self) -> Self:
        return self.filter(kind=Order.Kind.SALE)


@staff_history(exclude=["created_at", "updated_at"])
class Order(TimeStamped):
    """One invoice or credit note. Amounts are never negative: ``kind`` says which way they go."""

    class Kind(models.TextChoices):
        SALE = "sale"
        RETURN = "return"

    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        FULFILLED = "fulfilled"
        CANCELLED = "cancelled"

    COUNTED = (Status.PAID, Status.FULFILLED)

    source = models.CharField(max_length=50, help_text="The system that gave the number.")
    number = models.CharField(max_length=64, help_text="Invoice number, unique within its source.")
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="orders",
        help_text="Empty: an anonymous sale.",
    )
    ordered_at = models.DateTimeField(help_text="The earliest of its lines.")
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.SALE, db_default="sale")
    status = models.CharField(max_length=10, choices=Status, default=Status.PAID, db_default="paid")
    currency = models.CharField(max_length=3, help_text="ISO 4217, like GBP.")
    net_amount = models.DecimalField(max_digits=14, decimal_places=2, help_text="Without tax.")
    gross_amount = models.DecimalField(max_digits=14, decimal_places=2, help_text="With tax.")
    channel = models.CharField(
        max_length=30, blank=True, help_text="Where it was placed, like web."
    )
    batch = models.ForeignKey(
        ImportBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="orders"
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-ordered_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "number"], name="order_number_once_per_source"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["sale", "return"]), name="order_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "paid", "fulfilled", "cancelled"]),
                name="order_status_known",
            ),
            models.CheckConstraint(condition=Q(net_amount__gte=0), name="order_net_not_negative"),
            models.CheckConstraint(
                condition=Q(gross_amount__gte=F("net_amount")), name="order_gross_at_least_net"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="order_currency_iso"
            ),
            models.CheckConstraint(condition=~Q(number=""), name="order_number_given"),
        ]
        indexes = [
            # Serves the customer page and per-customer reads: newest orders of one customer.
            models.Index(fields=["customer", "-ordered_at"], name="order_customer_newest"),
            # Serves the order list, revenue by month and totals before a date.
            models.Index(fields=["-ordered_at", "-id"], name="order_newest"),
            # Serves search by the beginning of a number, in any source.
            models.Index(OpClass("number", name="varchar_pattern_ops"), name="order_number_prefix"),
        ]
        triggers = [*TOTALS_TRIGGERS, *parent_triggers("order_id")]

    def __str__(self) -> str:
        return self.number


@staff_history()
class OrderItem(models.Model):
    """One line of an order. Identical lines are real and are kept: the ordinal tells them apart."""

    # No index of its own: that of (order, ordinal) serves it, and imports write one index less.
    # Both references are held by triggers, once per statement: see orders/references.py.
    order = models.ForeignKey(
        Order,
        on_delete=models.CASCADE,
        related_name="items",
        db_index=False,
        db_constraint=False,
    )
    ordinal = models.PositiveIntegerField(help_text="Place within the order, from 1.")
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="items", db_constraint=False
    )
    quantity = models.DecimalField(
        max_digits=14,
        decimal_places=3,
        help_text="Always positive; a return's kind says it came back.",
    )
    unit_price = models.DecimalField(max_digits=14, decimal_places=4, help_text="Without tax.")
    discount_amount = models.DecimalField(max_digits=14, decimal_places=4, default=0, db_default=0)
    tax_amount = models.DecimalField(max_digits=14, decimal_places=4, default=0, db_default=0)
    net_amount = models.GeneratedField(
        expression=Round(F("quantity") * F("unit_price") - F("discount_amount"), precision=4),
        output_field=models.DecimalField(max_digits=18, decimal_places=4),
        db_persist=True,
    )

    class Meta:
        ordering = ["order", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["order", "ordinal"], name="order_item_once"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="order_item_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(unit_price__gte=0), name="order_item_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(discount_amount__gte=0, tax_amount__gte=0),
                name="order_item_discount_and_tax_not_negative",
            ),
        ]
        triggers = ITEM_TRIGGERS

    def __str__(self) -> str:
        return f"{self.order_id}/{self.ordinal}"
