"""The shop as it is, as the world of made signals."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from django.conf import settings
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from analytics.ingest.made import Bought, Goods, World, made_world
from customers.models import Customer
from orders.models import Order, OrderItem, Product

GOODS = 1000
RECENT_LINES = 50_000
"""So many of the newest order lines say what sells."""
LINES = 3
"""Of an order, so many of its dearest lines become purchases."""
_NO_PRICE = Decimal("9.95")


def world_of_shop(
    *, customers: int, orders_since: datetime | None = None, orders_until: datetime | None = None
) -> World:
    """Return the customers and articles of the database, the busiest first.

    Where there are fewer than ``customers``, made ones fill up: signals of theirs stay without a
    customer. With both times, purchases are those of the real orders between them (half-open) by
    these customers; without, purchases are made up.
    """
    codes = _customers(customers)
    goods = _goods()
    made = made_world(customers=customers - len(codes))
    orders: tuple[Bought, ...] | None = None
    if orders_since is not None and orders_until is not None:
        orders = tuple(_orders(set(codes), orders_since, orders_until))
    return World(
        customers=(*codes, *made.customers),
        goods=goods or made.goods,
        orders=orders,
        currency=settings.CRM_CURRENCY,
    )


def _customers(limit: int) -> list[str]:
    busiest = Customer.objects.filter(status=Customer.Status.ACTIVE, is_test=False)
    return list(
        busiest.order_by(F("totals__order_count").desc(nulls_last=True), "pk").values_list(
            "code", flat=True
        )[:limit]
    )


def _goods() -> tuple[Goods, ...]:
    """Return what sold most of late, then what is in the catalogue besides."""
    sold = OrderItem.objects.order_by("-pk").values_list("product_id", "unit_price")
    lines = list(sold.filter(product__in=Product.objects.recommendable())[:RECENT_LINES])
    paid = dict(reversed(lines))
    best = [product for product, _ in Counter(product for product, _ in lines).most_common(GOODS)]
    others = Product.objects.recommendable().exclude(pk__in=best).order_by("pk")
    keys = [*best, *others.values_list("pk", flat=True)[: GOODS - len(best)]]
    products = Product.objects.only("key", "label", "price").in_bulk(keys)
    return tuple(
        Goods(found.key, found.label, _pence(found.price or paid.get(key) or _NO_PRICE))
        for key in keys
        if (found := products.get(key))
    )


def _orders(codes: set[str], since: datetime, until: datetime) -> Iterator[Bought]:
    rank = Window(
        RowNumber(), partition_by=F("order_id"), order_by=[F("net_amount").desc(), F("ordinal")]
    )
    items = (
        OrderItem.objects.filter(
            order__kind=Order.Kind.SALE,
            order__status__in=Order.COUNTED,
            order__ordered_at__gte=since,
            order__ordered_at__lt=until,
            order__customer__isnull=False,
            product__kind=Product.Kind.PRODUCT,
        )
        .annotate(rank=rank)
        .filter(rank__lte=LINES)
        .order_by("order__ordered_at", "order_id", "ordinal")
        .select_related("order__customer", "product")
    )
    for order, lines in groupby(items.iterator(), key=lambda item: item.order):
        if order.customer is not None and order.customer.code in codes:
            yield _bought(order, order.customer.code, list(lines))


def _bought(order: Order, customer: str, lines: list[OrderItem]) -> Bought:
    return Bought(
        customer=customer,
        at=int(order.ordered_at.timestamp()) * 1_000_000,
        number=order.number,
        lines=tuple(
            (
                Goods(line.product.key, line.product.label, _pence(line.unit_price)),
                max(1, int(line.quantity)),
                _pence(line.net_amount),
            )
            for line in lines
        ),
    )


def _pence(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))
