"""An order line refers to an order and a product that exist, whoever writes or deletes."""

import random
import threading
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, connections, transaction

from orders.models import Order, OrderItem, Product

pytestmark = pytest.mark.django_db
ORPHANS = """
    select count(*) from orders_orderitem as item
    where not exists (select from orders_order where id = item.order_id)
        or not exists (select from orders_product where id = item.product_id)
"""


def sql(statement, values=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() if cursor.description else None


def make_order(number="1"):
    return Order.objects.create(
        source="s",
        number=number,
        ordered_at=datetime(2024, 1, 1, tzinfo=UTC),
        currency="GBP",
        net_amount=1,
        gross_amount=1,
    )


@pytest.fixture
def item():
    product = Product.objects.create(key="p", label="P")
    return OrderItem.objects.create(
        order=make_order(), product=product, ordinal=1, quantity=1, unit_price=1
    )


@pytest.mark.parametrize("column", ["order_id", "product_id"])
class TestWriting:
    def test_an_insert_must_name_what_exists(self, item, column):
        ids = {"order_id": item.order_id, "product_id": item.product_id, column: 999_999}
        with pytest.raises(IntegrityError, match="999999, which does not exist"):
            OrderItem.objects.create(ordinal=2, quantity=1, unit_price=1, **ids)

    def test_an_update_must_name_what_exists(self, item, column):
        with pytest.raises(IntegrityError, match="which does not exist"):
            OrderItem.objects.update(**{column: 999_999})

    def test_copy_must_name_what_exists(self, item, column):
        ids = {"order_id": item.order_id, "product_id": item.product_id, column: 999_999}
        statement = (
            "copy orders_orderitem (order_id, ordinal, product_id, quantity, unit_price) from stdin"
        )
        with (
            pytest.raises(Exception, match="which does not exist"),
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            copy.write_row((ids["order_id"], 2, ids["product_id"], 1, 1))


@pytest.mark.parametrize("table", ["orders_order", "orders_product"])
class TestWhatIsReferredTo:
    def test_it_cannot_be_deleted(self, item, table):
        with pytest.raises(IntegrityError, match="still referred to"), transaction.atomic():
            sql(f"delete from {table}")  # noqa: S608 - the names above
        assert OrderItem.objects.count() == 1

    @pytest.mark.owner
    def test_it_cannot_be_truncated(self, item, table):
        sql("set constraints all immediate")
        with pytest.raises(IntegrityError, match="still referred to"), transaction.atomic():
            sql(f"truncate {table} cascade")

    def test_its_id_stays(self, item, table):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            sql(f"update {table} set id = id + 1")  # noqa: S608 - the names above


def test_deleting_an_order_takes_its_lines_along(item):
    item.order.delete()

    assert not OrderItem.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_racing_writers_and_deleters_leave_no_orphan():
    errors = []
    barrier = threading.Barrier(4)

    def work(worker):
        chance = random.Random(worker)  # noqa: S311 - a reproducible test, no secret
        barrier.wait(timeout=30)
        try:
            for turn in range(60):
                one_write(chance, f"{worker}-{turn}")
        except Exception as error:  # handed to the asserting thread
            errors.append(error)
        finally:
            connections.close_all()

    for number in range(4):
        Product.objects.create(key=f"p{number}", label="P")
    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)

    assert errors == []
    assert not any(thread.is_alive() for thread in threads)
    assert sql(ORPHANS) == (0,)


def one_write(chance, number):
    """Write lines of a product, or delete a product that others may be using right now."""
    key = f"p{chance.randrange(4)}"
    product = Product.objects.filter(key=key).first()
    try:
        with transaction.atomic():
            if product is None:
                sql(
                    "insert into orders_product (key, label, category, family)"
                    " values (%s, 'P', '', '') on conflict do nothing",
                    [key],
                )
            elif chance.random() < 0.5:
                order = make_order(number)
                OrderItem.objects.create(
                    order=order, product_id=product.pk, ordinal=1, quantity=1, unit_price=1
                )
            elif chance.random() < 0.5:
                sql("delete from orders_product where key = %s", [key])
            else:
                OrderItem.objects.filter(product_id=product.pk).delete()
    except IntegrityError as error:
        assert "refer" in str(error)  # noqa: PT017 - both refusals are expected here
