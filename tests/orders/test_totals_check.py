"""The nightly look at totals: wrong ones are computed anew, and tables that grew are analyzed."""

import pytest
from django.db import connection

from orders.models import CustomerTotals, Order
from orders.services.totals import analyze_orders, check_totals
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db

BUYERS = {code: [("2011-11-09", "10")] for code in "ABC"}


def totals():
    return {
        row.pk: (row.order_count, row.sales_total, row.returns_total, row.first_order_at)
        for row in CustomerTotals.objects.all()
    }


class TestTotals:
    def test_right_totals_are_left_alone(self):
        shop(BUYERS)
        found = check_totals()
        assert (found.customers, found.wrong) == (3, 0)
        assert "3 customers agree" in found.words

    def test_wrong_missing_and_superfluous_totals_are_computed_anew(self):
        people = shop({**BUYERS, "D": []})
        right = totals()
        CustomerTotals.objects.filter(customer=people["A"]).update(sales_total=99)
        CustomerTotals.objects.filter(customer=people["B"]).delete()
        CustomerTotals.objects.create(customer=people["D"], order_count=3, sales_total=5)

        found = check_totals()

        assert found.wrong == 3
        assert "computed anew" in found.words
        assert totals() == {**right, people["D"].pk: (0, 0, 0, None)}
        assert check_totals().wrong == 0

    def test_parts_cover_everybody_once(self):
        people = shop({f"P{n}": [("2011-11-01", "1")] for n in range(20)})
        parts = [check_totals(part=part, parts=7).customers for part in range(1, 8)]
        assert sum(parts) == len(people)

    def test_without_orders_there_is_nothing_to_compare(self):
        assert not Order.objects.exists()
        assert check_totals().customers == 0


def analyzed():
    """Tables with statistics from before: autovacuum may have been quicker."""
    with connection.cursor() as cursor:
        cursor.execute("select relname from pg_class where reltuples >= 0")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
def test_tables_that_grew_are_analyzed_once():
    shop({f"P{n}": [("2011-11-01", "1")] for n in range(3)})
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
    connection.close()

    assert "orders_order" in {*analyze_orders(), *analyzed()}
    assert "orders_order" not in analyze_orders()
