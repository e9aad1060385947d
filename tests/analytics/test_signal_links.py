"""Signals and whom they name: linked in the transaction that makes, renames or removes them."""

import threading

import pytest
from django.db import connection, transaction

from analytics.models import Signal
from analytics.services.signal_store import store
from customers.models import Customer, CustomerAlias
from orders.models import Product
from tests.analytics.signals import envelope
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def owners():
    """Return whose the signals are, by the reference that was sent."""
    return dict(Signal.objects.values_list("customer_ref", "customer__code"))


@pytest.fixture
def signals():
    store([envelope(customer=code) for code in ("C1", "C2", "old", "nobody")])


def test_a_new_customer_gets_what_was_sent_before(signals):
    Customer.objects.create(code="C1")

    assert owners() == {"C1": "C1", "C2": None, "old": None, "nobody": None}


def test_customers_by_copy_get_theirs_too(signals):
    with connection.cursor() as cursor:
        statement = (
            "copy customers_customer (code, name, email, phone, language, country) from stdin"
        )
        with cursor.copy(statement) as copy:
            copy.write("".join(f"C{n}\t\t\t\t\t\n" for n in range(1, 500)))

    assert owners() == {"C1": "C1", "C2": "C2", "old": None, "nobody": None}


def test_a_new_alias_brings_its_signals(signals):
    customer = Customer.objects.create(code="C1")
    CustomerAlias.objects.create(code="old", customer=customer)
    CustomerAlias.objects.bulk_create(
        [CustomerAlias(code=code, customer=customer) for code in ("C2", "older")]
    )

    assert owners() == {"C1": "C1", "C2": "C1", "old": "C1", "nobody": None}


def test_a_renamed_customer_keeps_theirs_and_gets_those_of_the_new_code(signals):
    customer = Customer.objects.create(code="C1")
    customer.code = "C2"
    customer.save()

    assert owners() == {"C1": "C2", "C2": "C2", "old": None, "nobody": None}


def test_a_removed_customer_leaves_their_signals_to_nobody(signals):
    Customer.objects.create(code="C1")
    Customer.objects.filter(code="C1").delete()

    assert owners()["C1"] is None
    Customer.objects.create(code="C1")
    assert owners()["C1"] == "C1"


def test_signals_of_a_merged_customer_follow_the_alias(signals):
    merged, kept = (Customer.objects.create(code=code) for code in ("C1", "C2"))

    merged.status = Customer.Status.MERGED
    merged.save()
    assert owners()["C1"] == "C1"
    CustomerAlias.objects.create(code="C1", customer=kept)
    assert owners()["C1"] == "C2"
    store([envelope(customer="C1")])
    assert set(Signal.objects.values_list("customer", flat=True)) == {kept.pk, None}


def test_signals_follow_also_when_the_alias_came_before_the_merge(signals):
    merged, kept = (Customer.objects.create(code=code) for code in ("C1", "C2"))
    CustomerAlias.objects.create(code="C1", customer=kept)
    Customer.objects.filter(pk=merged.pk).update(status=Customer.Status.MERGED)

    assert owners()["C1"] == "C2"


def test_an_alias_that_goes_to_another_customer_takes_its_signals_along(signals):
    first, second = (Customer.objects.create(code=code) for code in ("C1", "C2"))
    alias = CustomerAlias.objects.create(code="old", customer=first)
    alias.customer = second
    alias.save()

    assert owners() == {"C1": "C1", "C2": "C2", "old": "C2", "nobody": None}


def test_articles_find_their_signals_and_leave_them():
    store([envelope(product_id="P1"), envelope()])
    product = Product.objects.create(key="P1", label="Pinot")
    assert list(Signal.objects.filter(product=product).values_list("product_ref")) == [("P1",)]

    Product.objects.filter(pk=product.pk).update(key="P2")
    assert Signal.objects.filter(product=product).count() == 1
    Product.objects.all().delete()
    assert not Signal.objects.filter(product__isnull=False).exists()


@pytest.mark.owner
def test_nothing_is_left_to_do_after_the_commit(signals):
    Customer.objects.bulk_create([Customer(code="C1"), Customer(code="C2")])
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from crm_private.signal_link")
        assert cursor.fetchone() == (2 - 1,)
        cursor.execute("set constraints all immediate")
        cursor.execute("select count(*) from crm_private.signal_link")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_a_customer_made_while_a_worker_stores_gets_the_signal(slow_worker, in_thread):
    let_it_commit = slow_worker(envelope(customer="C1"))
    finish_making = in_thread(Customer.objects.create, code="C1")
    wait_until(somebody_waits_at_the_gate)

    let_it_commit()
    finish_making()

    assert owners() == {"C1": "C1"}


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_comes_while_a_customer_is_made_is_not_held_up(in_thread):
    with transaction.atomic():
        Customer.objects.create(code="C1")
        # An import could go on for an hour from here.
        in_thread(store, [envelope(customer="C1")])()
        assert owners() == {"C1": None}

    assert owners() == {"C1": "C1"}


@pytest.mark.django_db(transaction=True)
def test_that_holds_also_where_all_constraints_are_immediate(in_thread):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        Customer.objects.create(code="C1")
        in_thread(store, [envelope(customer="C1")])()

    assert owners() == {"C1": "C1"}


@pytest.mark.django_db(transaction=True)
def test_a_customer_removed_while_a_worker_stores_leaves_nothing_behind(slow_worker, in_thread):
    customer = Customer.objects.create(code="C1")
    let_it_commit = slow_worker(envelope(customer="C1"))
    finish_removing = in_thread(customer.delete)
    wait_until(somebody_waits_at_the_gate)

    let_it_commit()
    finish_removing()

    assert owners() == {"C1": None}
    assert not Signal.objects.filter(customer_id__isnull=False).exists()


@pytest.fixture
def slow_worker(in_thread):
    """Start a worker that has looked for its customers and has yet to commit."""

    def start(*envelopes):
        looked, go_on = threading.Event(), threading.Event()

        def work():
            with transaction.atomic():
                store(envelopes)
                looked.set()
                assert go_on.wait(30)

        finish = in_thread(work)
        assert looked.wait(30)

        def let_it_commit():
            go_on.set()
            finish()

        return let_it_commit

    return start


def somebody_waits_at_the_gate():
    with connection.cursor() as cursor:
        cursor.execute(
            "select from pg_locks"
            " where relation = 'crm_private.signal_gate'::regclass and not granted"
        )
        return cursor.fetchone() is not None


def test_very_many_customers_at_once_get_theirs_and_the_planner_its_setting_back():
    store([envelope(customer=f"C{n}") for n in (7, 24_999, 99_999)])
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into customers_customer (code, name, email, phone, language, country)"
            " select 'C' || n, '', '', '', '', '' from generate_series(1, 25000) as n"
        )
        cursor.execute("set constraints all immediate")
        cursor.execute("show enable_nestloop")
        assert cursor.fetchone() == ("on",)

    assert owners() == {"C7": "C7", "C24999": "C24999", "C99999": None}
