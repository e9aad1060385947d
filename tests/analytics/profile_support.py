"""Shops with articles, for the tests of profiles."""

from decimal import Decimal

from customers.models import Customer
from orders.models import Order, OrderItem, Product
from tests.analytics.support import at

TASTY = {
    "family": "Red",
    "grape": "Syrah",
    "sugar_level": "dry",
    "price_band": "10 to 20",
    "aroma_woody": 5,
    "aroma_floral": 1,
}
"""An article with tastes."""


def goods(**articles):
    """Write articles ``key={field: value}``; return them in their order."""
    return Product.objects.bulk_create(
        [Product(key=key, **{"label": key, **fields}) for key, fields in articles.items()]
    )


def buy(code, moment, *lines, kind="sale", status="paid", channel=""):
    """Write an order of lines ``(product, amount)``; a text moment is noon of that day."""
    customer, _ = Customer.objects.get_or_create(code=code)
    moment = at(moment) if isinstance(moment, str) else moment
    total = sum((Decimal(amount) for _, amount in lines), Decimal(0))
    order = Order.objects.create(
        source="test",
        number=f"{code}-{Order.objects.count()}",
        customer=customer,
        ordered_at=moment,
        net_amount=total,
        gross_amount=total,
        currency="GBP",
        kind=kind,
        status=status,
        channel=channel,
    )
    OrderItem.objects.bulk_create(
        OrderItem(order=order, ordinal=place, product=product, quantity=1, unit_price=amount)
        for place, (product, amount) in enumerate(lines, start=1)
    )
    return order
