"""CustomerTotals says what the orders say, whatever wrote them."""

import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import Customer
from orders.models import CustomerTotals, Order

START = datetime(2024, 1, 1, tzinfo=UTC)

RECOMPUTED = """
    select customer_id,
        min(ordered_at) filter (where kind = 'sale'),
        max(ordered_at) filter (where kind = 'sale'),
        count(*) filter (where kind = 'sale'),
        coalesce(sum(net_amount) filter (where kind = 'sale'), 0),
        coalesce(sum(net_amount) filter (where kind = 'return'), 0)
    from orders_order
    where customer_id is not null and status in ('paid', 'fulfilled')
    group by customer_id
    order by customer_id
"""
STORED = """
    select customer_id, first_order_at, last_order_at, order_count, sales_total, returns_total
    from orders_customertotals
    where order_count > 0 or sales_total > 0 or returns_total > 0
    order by customer_id
"""


def rows(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def assert_totals_are_exact():
    assert rows(STORED) == rows(RECOMPUTED)


def order(number, customer, *, days=0, amount="10.00", **fields):
    money = Decimal(amount)
    return Order(
        source="test",
        number=str(number),
        customer=customer,
        ordered_at=START + timedelta(days=days),
        currency="GBP",
        net_amount=money,
        gross_amount=money,
        **fields,
    )


@pytest.fixture
def ann(db):
    return Customer.objects.create(code="ann")


@pytest.fixture
def bob(db):
    return Customer.objects.create(code="bob")


class TestOneWriter:
    def test_an_insert_is_counted(self, ann):
        order(1, ann, days=3).save()
        order(2, ann, days=1, amount="5.50").save()

        totals = CustomerTotals.objects.get()
        assert (totals.order_count, totals.sales_total) == (2, Decimal("15.50"))
        assert totals.first_order_at == START + timedelta(days=1)
        assert totals.last_order_at == START + timedelta(days=3)

    def test_a_return_lowers_the_money_and_never_the_count(self, ann):
        order(1, ann).save()
        order("C1", ann, days=9, amount="4.00", kind=Order.Kind.RETURN).save()

        totals = CustomerTotals.objects.get()
        assert (totals.order_count, totals.net_total) == (1, Decimal("6.00"))
        assert totals.last_order_at == START

    @pytest.mark.parametrize("status", [Order.Status.PENDING, Order.Status.CANCELLED])
    def test_an_order_that_does_not_count_leaves_no_trace(self, ann, status):
        order(1, ann, status=status).save()

        assert rows(STORED) == []

    def test_an_anonymous_sale_belongs_to_nobody(self, db):
        order(1, None).save()

        assert rows(STORED) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"status": Order.Status.CANCELLED},
            {"kind": Order.Kind.RETURN},
            {"net_amount": Decimal("99.99"), "gross_amount": Decimal("99.99")},
            {"ordered_at": START - timedelta(days=400)},
            {"customer": None},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_an_update_is_followed(self, ann, change):
        Order.objects.bulk_create([order(1, ann), order(2, ann, days=5)])

        Order.objects.filter(number="2").update(**change)

        assert_totals_are_exact()

    def test_an_order_that_changes_hands_moves_its_money(self, ann, bob):
        order(1, ann).save()

        Order.objects.update(customer=bob)

        assert_totals_are_exact()
        assert bob.totals.order_count == 1

    def test_a_delete_is_followed(self, ann):
        Order.objects.bulk_create([order(1, ann), order(2, ann, days=5)])

        Order.objects.filter(number="2").delete()

        assert_totals_are_exact()

    def test_copy_is_counted_too(self, ann, bob):
        columns = (
            "source, number, customer_id, ordered_at, currency, net_amount, gross_amount, channel"
        )
        with (
            connection.cursor() as cursor,
            cursor.copy(f"copy orders_order ({columns}) from stdin") as copy,
        ):
            for number in range(100):
                who = (ann, bob)[number % 2].pk
                copy.write_row(("test", str(number), who, START, "GBP", "1.25", "1.25", ""))

        assert_totals_are_exact()
        assert ann.totals.sales_total == Decimal("62.50")

    @pytest.mark.owner
    def test_truncate_leaves_nothing(self, ann):
        order(1, ann).save()

        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
            cursor.execute("truncate orders_order cascade")

        assert CustomerTotals.objects.count() == 0


STEP = st.tuples(
    st.sampled_from(["insert", "cancel", "move", "amount", "date", "kind", "delete"]),
    st.integers(0, 2),
    st.integers(0, 30),
)


@pytest.mark.django_db
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, max_size=25))
def test_any_sequence_of_writes_leaves_the_totals_exact(steps):
    with transaction.atomic():
        people = [Customer.objects.create(code=f"c{number}") for number in range(3)]
        for number, (action, who, value) in enumerate(steps):
            apply(action, number, people[who], value)
            assert_totals_are_exact()
        transaction.set_rollback(True)


def apply(action, number, customer, value):
    some = Order.objects.filter(customer=customer, pk__gte=value)
    if action == "insert":
        kind = Order.Kind.RETURN if value % 5 == 0 else Order.Kind.SALE
        order(number, customer, days=value, amount=f"{value}.99", kind=kind).save()
    elif action == "cancel":
        some.update(status=Order.Status.CANCELLED)
    elif action == "move":
        some.update(customer=Customer.objects.order_by("?").first())
    elif action == "amount":
        some.update(net_amount=value, gross_amount=value)
    elif action == "date":
        some.update(ordered_at=START + timedelta(days=value))
    elif action == "kind":
        some.update(kind=Order.Kind.RETURN)
    else:
        some.delete()


@pytest.mark.django_db(transaction=True)
def test_racing_writers_lose_nothing_and_never_deadlock():
    people = [Customer.objects.create(code=f"c{number}") for number in range(6)]
    errors = []
    barrier = threading.Barrier(4)

    def work(worker):
        chance = random.Random(worker)  # noqa: S311 - a reproducible test, no secret
        barrier.wait(timeout=30)
        try:
            for turn in range(40):
                with transaction.atomic():
                    write_something(chance, worker, turn, people)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)

    assert errors == []
    assert not any(thread.is_alive() for thread in threads)
    assert_totals_are_exact()
    assert Order.objects.count() > 0


def write_something(chance, worker, turn, people):
    """Insert for several customers at once, or change or delete orders of this writer."""
    mine = Order.objects.filter(source=f"w{worker}").order_by("?")
    chosen = chance.sample(people, 3)
    if turn % 3 == 0 or not mine.exists():
        new = [order(f"{turn}-{place}", person, days=turn) for place, person in enumerate(chosen)]
        for one in new:
            one.source = f"w{worker}"
        Order.objects.bulk_create(new)
    elif turn % 3 == 1:
        ids = list(mine.values_list("pk", flat=True)[:2])
        Order.objects.filter(pk__in=ids).update(
            customer=chosen[0], net_amount=turn, gross_amount=turn
        )
    else:
        ids = list(mine.values_list("pk", flat=True)[:1])
        Order.objects.filter(pk__in=ids).delete()
