"""Everything that writes single orders. Whole files go through the import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import Customer
from orders.models import Order, OrderItem, Product

_CENT = Decimal("0.01")
_ITEM_PLACES = Decimal("0.0001")
_AMOUNT_LIMIT = Decimal(10) ** 12
_WRITABLE = frozenset({"status", "channel", "customer"})

# From → to. A cancelled order stays cancelled: a new order takes its place.
TRANSITIONS: dict[str, frozenset[str]] = {
    Order.Status.PENDING: frozenset(
        {Order.Status.PAID, Order.Status.FULFILLED, Order.Status.CANCELLED}
    ),
    Order.Status.PAID: frozenset({Order.Status.FULFILLED, Order.Status.CANCELLED}),
    Order.Status.FULFILLED: frozenset({Order.Status.CANCELLED}),
    Order.Status.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line on its way in; money without tax, except ``tax_amount``."""

    product: Product
    quantity: Decimal
    unit_price: Decimal
    discount_amount: Decimal = Decimal(0)
    tax_amount: Decimal = Decimal(0)

    @property
    def net_amount(self) -> Decimal:
        """As the database computes it: to four places, halves away from zero."""
        exact = self.quantity * self.unit_price - self.discount_amount
        return exact.quantize(_ITEM_PLACES, ROUND_HALF_UP)


@transaction.atomic
def create_order(
    *,
    source: str,
    number: str,
    ordered_at: datetime,
    lines: Sequence[Line],
    currency: str,
    customer: Customer | None = None,
    kind: str = Order.Kind.SALE,
    status: str = Order.Status.PAID,
    channel: str = "",
) -> Order:
    """Create an order with its lines; its amounts are the sums of theirs.

    Raises:
        ConflictError: the source has given this number already.
        django.core.exceptions.ValidationError: no lines, or amounts that make no sense.
    """
    if Order.objects.filter(source=source, number=number).exists():
        raise ConflictError(f"{source} has an order {number} already.")
    net, gross = amounts(lines)
    order = Order(
        source=source,
        number=number,
        customer=customer,
        ordered_at=ordered_at,
        kind=kind,
        status=status,
        currency=currency,
        net_amount=net,
        gross_amount=gross,
        channel=channel,
    )
    order.full_clean(validate_unique=False)
    order.save()
    _write_lines(order, lines)
    return order


@transaction.atomic
def update_order(*, order_id: int, values: Mapping[str, Any]) -> Order:
    """Change status, channel or customer of an order, or replace its lines (``items``).

    Raises:
        ConflictError: the status cannot become this one, or the order is cancelled.
        CrmError: there is no such order, or a value that nobody may set.
        django.core.exceptions.ValidationError: amounts that make no sense.
    """
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise CrmError("There is no such order.")
    changes = dict(values)
    lines: Sequence[Line] | None = changes.pop("items", None)
    if wrong := sorted(set(changes) - _WRITABLE):
        raise CrmError(f"{wrong[0]} of an order cannot be changed.")
    _check_transition(order, changes.get("status", order.status), replaced=lines is not None)
    for name, value in changes.items():
        setattr(order, name, value)
    if lines is not None:
        order.net_amount, order.gross_amount = amounts(lines)
        order.items.all().delete()
        _write_lines(order, lines)
    order.full_clean(validate_unique=False)
    order.save()
    return order


def amounts(lines: Sequence[Line]) -> tuple[Decimal, Decimal]:
    """Return net and gross of an order: the sums of its lines, rounded once, to the cent."""
    if not lines:
        raise ValidationError({"items": "An order needs at least one line."})
    for position, line in enumerate(lines):
        if line.net_amount < 0:
            raise ValidationError(
                {f"items.{position}.discount_amount": "The discount is larger than the line."}
            )
        if line.net_amount >= _AMOUNT_LIMIT:
            raise ValidationError({f"items.{position}.quantity": "The amount is too large."})
    net = sum((line.net_amount for line in lines), Decimal(0))
    tax = sum((line.tax_amount for line in lines), Decimal(0))
    if net + tax >= _AMOUNT_LIMIT:
        raise ValidationError({"items": "The amount is too large."})
    rounded = net.quantize(_CENT, ROUND_HALF_UP)
    return rounded, max(rounded, (net + tax).quantize(_CENT, ROUND_HALF_UP))


def _check_transition(order: Order, wanted: str, *, replaced: bool) -> None:
    if wanted != order.status and wanted not in TRANSITIONS[order.status]:
        raise ConflictError(f"An order that is {order.status} cannot become {wanted}.")
    if replaced and order.status == Order.Status.CANCELLED:
        raise ConflictError("The lines of a cancelled order cannot be changed.")


def _write_lines(order: Order, lines: Sequence[Line]) -> None:
    OrderItem.objects.bulk_create(
        [
            OrderItem(
                order=order,
                ordinal=ordinal,
                product=line.product,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount_amount=line.discount_amount,
                tax_amount=line.tax_amount,
            )
            for ordinal, line in enumerate(lines, start=1)
        ]
    )
