"""A small shop that a run of recommendations has something to say about, and what it says."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from customers.models import ContactPolicy, Customer
from orders.models import Order, OrderItem, Product
from recommendations.models import RecoExclusion, RecoItem
from tests.analytics.support import at

DAY = date(2011, 9, 1)
"""The newest day of the shop."""

FAMILIES = ("Red wine", "White wine", "Port", "Beer")


def small_shop(customers=40, products=12, newest=DAY, tastes=1):
    """Customers who buy again and again, up to ``newest``; the last of them has never bought.

    ``tastes``: so many groups of customers buy different products.
    """
    source = np.random.default_rng(5)
    goods = Product.objects.bulk_create(
        Product(
            key=f"P{place:02}",
            label=f"Product {place}",
            family=FAMILIES[place % len(FAMILIES)],
            price=Decimal(5 + place),
            premium_tier=place % 4,
        )
        for place in range(products)
    )
    people = Customer.objects.bulk_create(
        Customer(code=f"S{place:03}", email=f"s{place}@example.org", registered_at=at("2010-01-01"))
        for place in range(customers)
    )
    bought = []
    for place, person in enumerate(people[:-1]):
        for number in range(1 + place % 6):
            day = newest - timedelta(days=3 + place + number * int(source.integers(40, 90)))
            liked = np.arange(place % tastes, products, tastes)
            basket = source.choice(liked, size=int(source.integers(1, 4)), replace=False)
            bought.append((person, day, [goods[one] for one in basket]))
    sell(bought)
    return people, goods


def sell(bought, *, kind="sale", clock="12:00"):
    """Write one order for each (customer, day, products)."""
    before = Order.objects.count()
    orders = Order.objects.bulk_create(
        Order(
            source="small",
            number=f"N{before + place}",
            customer=person,
            ordered_at=at(day, clock),
            net_amount=sum(product.price for product in products),
            gross_amount=sum(product.price for product in products),
            currency="GBP",
            kind=kind,
        )
        for place, (person, day, products) in enumerate(bought)
    )
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order, ordinal=ordinal, product=product, quantity=1, unit_price=product.price
        )
        for order, (_, _, products) in zip(orders, bought, strict=True)
        for ordinal, product in enumerate(products, 1)
    )
    return orders


def everybody_may_be_contacted():
    """Hold nobody back for the measuring of all marketing."""
    ContactPolicy.objects.update_or_create(pk=1, defaults={"holdout_share": 0})


ITEM = ("customer_id", "rank", "product_id", "scenario", "slot", "score", "price", "reasons")
EXCLUSION = ("customer_id", "stage", "code", "details")


def said(run):
    """Everything that a run says to anybody, without its own number."""
    return (
        list(RecoItem.objects.filter(run=run).order_by("id").values_list(*ITEM)),
        list(
            RecoExclusion.objects.filter(run=run)
            .order_by("customer_id", "stage")
            .values_list(*EXCLUSION)
        ),
    )
