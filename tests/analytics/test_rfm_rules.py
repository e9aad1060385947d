"""The rules in Python, and that the database follows the same rules."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import RfmScore
from analytics.scoring import rfm
from analytics.scoring.rfm import Values
from analytics.services.rfm import score_rfm
from tests.analytics.support import at, shop

DAY = date(2011, 11, 9)

money = st.decimals("0.00", "40.00", places=2)
# Few different values, so that ties are the rule.
order = st.tuples(
    st.integers(0, 12), st.one_of(st.sampled_from([Decimal(5), Decimal(9)]), money),
    st.sampled_from(["sale", "sale", "sale", "return"]),
    st.sampled_from(["paid", "fulfilled", "paid", "cancelled"]),
)  # fmt: skip
customers = st.lists(st.lists(order, max_size=5), max_size=12)
some_values = st.lists(
    st.builds(Values, st.integers(0, 9), st.integers(1, 5), money), min_size=1, max_size=40
)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=200))
def test_cuts_are_those_of_numpy(values):
    wanted = np.quantile(values, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf")
    assert rfm.quantile_cuts(values) == tuple(wanted)


@given(some_values)
def test_equal_values_always_get_equal_scores(rows):
    cuts = rfm.cuts_of(rows)
    for part in ("r", "f", "m"):
        name = {"r": "recency_days", "f": "frequency", "m": "monetary"}[part]
        found = {}
        for row in rows:
            score = getattr(rfm.score(row, cuts), part)
            assert found.setdefault(getattr(row, name), score) == score


@given(some_values, st.randoms())
def test_the_order_of_rows_never_matters(rows, random):
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert rfm.cuts_of(shuffled) == rfm.cuts_of(rows)


@given(some_values)
def test_more_is_never_worse(rows):
    cuts = rfm.cuts_of(rows)
    ranked = sorted(rows, key=lambda row: row.monetary)
    scores = [rfm.score(row, cuts).m for row in ranked]
    assert scores == sorted(scores)


class TestDatabaseAgainstPython(TestCase):
    """The whole way: orders, totals by triggers, SQL scoring; against the pure rules."""

    @settings(max_examples=40, deadline=None)
    @given(customers, st.sampled_from([DAY, DAY - timedelta(days=3)]), st.booleans())
    def test_sql_and_python_give_the_same_scores(self, made, as_of, backwards):
        pairs = [(f"C{place}", orders) for place, orders in enumerate(made)]
        if backwards:
            pairs.reverse()
        people = shop(
            {
                code: [
                    (at(DAY - timedelta(days=days)), amount, kind, status)
                    for days, amount, kind, status in orders
                ]
                for code, orders in pairs
            }
        )

        run = score_rfm(as_of=as_of, refresh_views=False)

        wanted = expected({people[code].pk: orders for code, orders in pairs}, as_of)
        found = {
            row.customer_id: (Values(row.recency_days, row.frequency, row.monetary), row.code)
            for row in RfmScore.objects.filter(run_id=run.pk)
        }
        assert found == wanted
        assert run.prospects == len(made) - len(wanted)


def expected(orders_of, as_of):
    """Work out values and scores from the orders, in plain Python."""
    values = {}
    for customer, orders in orders_of.items():
        counted = [
            (DAY - timedelta(days=days), amount, kind)
            for days, amount, kind, status in orders
            if status != "cancelled" and DAY - timedelta(days=days) <= as_of
        ]
        sales = [day for day, _, kind in counted if kind == "sale"]
        if sales:
            net = sum(amount if kind == "sale" else -amount for _, amount, kind in counted)
            values[customer] = Values((as_of - max(sales)).days, len(sales), Decimal(net))
    cuts = rfm.cuts_of(values.values())
    return {customer: (row, str(rfm.score(row, cuts))) for customer, row in values.items()}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 11, 100, 999])
def test_cuts_lie_where_percentile_disc_puts_them(size, db):

    values = [(7 * n) % 23 for n in range(size)]
    with connection.cursor() as cursor:
        cursor.execute(
            "select percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by v)"
            " from unnest(%s::int[]) as v",
            [values],
        )
        assert list(rfm.quantile_cuts(values)) == cursor.fetchone()[0]
