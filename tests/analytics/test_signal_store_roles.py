"""The application's role stores, links and drops signals without owning a table."""

import pytest
from django.db import ProgrammingError, connection, transaction

from analytics.models import Signal
from analytics.services.signal_partitions import (
    RAW_EVENTS,
    SIGNALS,
    keep_partitions,
    partitions,
)
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import store
from customers.models import Customer
from tests.analytics.signals import envelope, segment

pytestmark = [pytest.mark.django_db, pytest.mark.owner]


@pytest.fixture
def as_application():
    """Become a role that may read and write rows, and call the functions made for it.

    The tables of the months do not exist when the rights are given.
    """
    with connection.cursor() as cursor:
        for part in (*partitions(SIGNALS), *partitions(RAW_EVENTS)):
            cursor.execute(f"drop table {part.name}")
        cursor.execute("drop table if exists pg_temp.signal_batch")
        cursor.execute(
            """
            create role crm_app_in_test nologin;
            grant usage on schema public, crm_private to crm_app_in_test;
            grant select, insert, update, delete on all tables in schema public
                to crm_app_in_test;
            grant usage on all sequences in schema public to crm_app_in_test;
            grant execute on all functions in schema crm_private to crm_app_in_test;
            set local role crm_app_in_test
            """
        )
        yield
        cursor.execute("reset role")


def test_it_stores_in_months_that_were_not_there(as_application):
    store([envelope(customer="C1"), envelope(occurred_at="2005-05-05T00:00:00Z")])
    quarantine(envelope(event_type=""), "missing", "A field is missing.")
    store([envelope(customer="C1")], replay=True)

    assert Signal.objects.count() == 3


def test_customers_that_it_makes_are_linked_also_at_the_commit(as_application):
    store([envelope(customer="C1"), segment("identify", "C2", traits={"name": "Ada"})])
    customer = Customer.objects.create(code="C1")
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")

    assert not Signal.objects.unresolved().exists()
    customer.delete()
    assert Signal.objects.unresolved().count() == 1


def test_it_makes_and_drops_months_by_the_service(as_application, settings):
    settings.CRM_SIGNAL_RETENTION_MONTHS = 1
    store([envelope(occurred_at="2005-05-05T00:00:00Z")])

    assert keep_partitions().dropped == ("analytics_signal_2005",)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from crm_private.signal_link",
        "insert into crm_private.signal_link (kind, first_id, last_id) values ('customer', 1, 2)",
        "drop table analytics_signal",
        "truncate analytics_rawevent",
        "alter table analytics_rawevent disable trigger all",
        "select count(*) from analytics_signal_2026_11",
    ],
)
def test_it_may_do_nothing_of_that_by_itself(as_application, statement):
    store([envelope()])
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
