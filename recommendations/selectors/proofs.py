"""The order lines that prove a reason: read from the orders, not copied into the run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from orders.models import Order, OrderItem
from recommendations.models import RecoItem
from recommendations.selectors.explanations import Explanation
from recommendations.selectors.recommendations import end_of

LINES = 5
"""How many lines of one product are shown, newest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a counted sale."""

    order_id: int
    number: str
    ordered_at: datetime
    product_id: int
    key: str
    label: str
    quantity: Decimal
    net_amount: Decimal
    currency: str


def proofs(explanations: Iterable[Explanation]) -> dict[int, list[Line]]:
    """Return for each item (its id) the customer's own lines that speak for it, newest first.

    For a product bought before these are its own lines; for a new one those of the products it is
    bought together with. One query for all items; nothing after the run's day.
    """
    found = list(explanations)
    if not found:
        return {}
    wanted = {one.item.pk: _products(one) for one in found}
    lines: dict[tuple[int, int], list[Line]] = {}
    for row in _rows([one.item for one in found], wanted):
        kept = lines.setdefault((row.order.customer_id or 0, row.product_id), [])
        if len(kept) < LINES:
            kept.append(_line(row))
    return {
        one.item.pk: [
            line
            for product in wanted[one.item.pk]
            for line in lines.get((one.item.customer_id, product), ())
        ]
        for one in found
    }


def _products(explanation: Explanation) -> list[int]:
    own = explanation.item.product_id
    return [own, *(one.product_id for one in explanation.because_of if one.product_id != own)]


def _rows(items: list[RecoItem], wanted: dict[int, list[int]]) -> Iterable[OrderItem]:
    conditions = Q()
    for item in items:
        conditions |= Q(
            order__customer_id=item.customer_id,
            order__ordered_at__lt=end_of(item.run),
            product_id__in=wanted[item.pk],
        )
    rows = OrderItem.objects.filter(conditions, order__kind=Order.Kind.SALE)
    rows = rows.filter(order__status__in=Order.COUNTED).select_related("order", "product")
    return rows.order_by("-order__ordered_at", "-order_id", "ordinal")


def _line(row: OrderItem) -> Line:
    return Line(
        order_id=row.order_id,
        number=row.order.number,
        ordered_at=row.order.ordered_at,
        product_id=row.product_id,
        key=row.product.key,
        label=row.product.label,
        quantity=row.quantity,
        net_amount=Decimal(row.net_amount),
        currency=row.order.currency,
    )
