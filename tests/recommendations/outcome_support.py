"""Campaigns whose arms were drawn, with contacts and orders, for tests."""

from datetime import UTC, date, timedelta
from decimal import Decimal

from customers.models import ContactEvent, Customer
from orders.models import Order, OrderItem
from recommendations.models import Assignment
from tests.analytics.support import at
from tests.factories import CampaignFactory, ProductFactory

# In UTC: a day is 24 hours, also where clocks change.
DRAWN = at("2026-03-02", "08:00").astimezone(UTC)
SENT = at("2026-03-02", "10:00").astimezone(UTC)
LATER = date(2026, 9, 1)


def drawn(campaign, customer, arm="treatment", *, sent=SENT, **fields):
    """Store an arm, and what was sent to the customer, if anything."""
    row = Assignment.objects.create(
        campaign=campaign,
        customer=customer,
        arm=arm,
        **{"salt": "arms", "share": campaign.holdout_share, "assigned_at": DRAWN, **fields},
    )
    if sent and arm == "treatment":
        contact(campaign, customer, sent)
    return row


def contact(campaign, customer, moment, **fields):
    return ContactEvent.objects.create(
        campaign=campaign,
        customer=customer,
        occurred_at=moment,
        channel="email",
        external_id=f"{campaign.code}-{customer.code}-{ContactEvent.objects.count()}",
        **fields,
    )


def sale(customer, moment, lines, **fields):
    """Store an order. ``lines``: (product, net amount), or (product, net amount, quantity)."""
    total = sum(Decimal(str(line[1])) for line in lines)
    order = Order.objects.create(
        source="test",
        number=f"{Order.objects.count()}",
        customer=customer,
        ordered_at=moment,
        net_amount=total,
        gross_amount=total,
        currency="GBP",
        **fields,
    )
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            ordinal=place,
            product=product,
            quantity=Decimal(rest[0] if rest else 1),
            unit_price=Decimal(str(net)) / (rest[0] if rest else 1),
        )
        for place, (product, net, *rest) in enumerate(lines, start=1)
    )
    return order


def came_back(customer, moment, lines):
    return sale(customer, moment, lines, kind="return")


def product(family="", cost=None, **fields):
    return ProductFactory(family=family, unit_cost=cost, **fields)


def days(number):
    return timedelta(days=number)


def campaign_of(
    treated, controls, *, scenario="REBUY", segment="Loyal", amount=20, share=None, **fields
):
    """A campaign whose windows are over. ``treated`` and ``controls``: (customers, buyers)."""
    share = share or round(controls[0] / (treated[0] + controls[0]), 3)
    campaign = CampaignFactory(holdout_share=str(share), contact_at=SENT, **fields)
    lemon = product(cost="5.00")
    plan = [("treatment", n < treated[1]) for n in range(treated[0])]
    plan += [("control", n < controls[1]) for n in range(controls[0])]
    customers = Customer.objects.bulk_create(
        Customer(code=f"{campaign.code}-{n}") for n in range(len(plan))
    )
    Assignment.objects.bulk_create(
        Assignment(campaign=campaign, customer=customer, arm=arm, scenario=scenario,
                   segment=segment, salt="arms", share=share, assigned_at=DRAWN)
        for customer, (arm, _) in zip(customers, plan, strict=True)
    )  # fmt: skip
    orders = Order.objects.bulk_create(
        Order(source=campaign.code, number=str(n), customer=customer, ordered_at=SENT + days(3),
              net_amount=amount, gross_amount=amount, currency="GBP")
        for n, (customer, (_, buys)) in enumerate(zip(customers, plan, strict=True)) if buys
    )  # fmt: skip
    OrderItem.objects.bulk_create(
        OrderItem(order=order, ordinal=1, product=lemon, quantity=1, unit_price=amount)
        for order in orders
    )
    return campaign
