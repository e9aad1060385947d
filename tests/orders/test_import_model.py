"""Random small files against an independent model of the rules, in plain Python."""

import io
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.services import imports
from orders.models import Order
from tests.orders.order_files import HEADER

LINES = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "C4", "C5"]),
        st.sampled_from(["10A", "10a", "POST", ""]),
        st.integers(-3, 5),
        st.integers(1, 9),
        st.sampled_from(["2.55", "0.001", "0", "-1", "3", "x"]),
        st.sampled_from(["7", "7", "7", "8", ""]),
    ),
    max_size=25,
)


def model(lines):
    """Return the orders that the rules give: number → (customer, minute, net, ordinals)."""
    place, taken = defaultdict(int), defaultdict(list)
    for invoice, code, quantity, minute, price, customer in lines:
        place[invoice] += 1
        sign = -1 if invoice.startswith("C") else 1
        good = (
            code
            and customer
            and price != "x"
            and quantity * sign > 0
            and (Decimal(price) > 0 or (sign < 0 and Decimal(price) == 0))
        )
        if good:
            amount = abs(quantity) * Decimal(price)
            taken[invoice].append((place[invoice], customer, minute, amount, code.upper()))
    orders = {}
    for invoice, rows in taken.items():
        if len({row[1] for row in rows}) == 1:
            net = sum(row[3] for row in rows).quantize(Decimal("0.01"), ROUND_HALF_UP)
            items = [(row[0], row[4]) for row in rows]
            orders[invoice] = (rows[0][1], min(row[2] for row in rows), net, items)
    return orders


def text(lines):
    rows = [
        f"{invoice},{code},thing,{quantity},2011-01-05 08:{minute:02}:00,{price},{customer},UK"
        for invoice, code, quantity, minute, price, customer in lines
    ]
    return "\n".join([HEADER, *rows]).encode()


def stored(source):
    found = Order.objects.filter(source=source).prefetch_related("items__product")
    return {
        order.number: (
            order.customer.code,
            order.ordered_at.minute,
            order.net_amount,
            [(item.ordinal, item.product.key) for item in order.items.all()],
        )
        for order in found.select_related("customer")
    }


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=LINES, second=LINES)
def test_the_orders_are_those_of_the_model(first, second):
    source = f"s{Order.objects.count()}-{id(first)}"
    Order.objects.all().delete()

    def take(lines):
        batch = imports.create_batch(
            kind="orders", format="online-retail", source=source, file_name="f.csv",
            file=io.BytesIO(text(lines)),
        )  # fmt: skip
        return imports.commit(batch_id=batch.pk)

    one = take(first)
    expected = model(first)
    assert stored(source) == expected
    assert one.new == sum(len(order[3]) for order in expected.values())
    assert one.lines == len(first)
    again = take(first)
    assert (again.new, again.changed, again.unchanged) == (0, 0, one.new)

    Order.objects.all().delete()
    take(second)
    assert stored(source) == model(second)
