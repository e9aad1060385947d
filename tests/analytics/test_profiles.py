"""Profiles of small shops with figures worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest

from analytics.models import CustomerProfile
from analytics.selectors.profiles import profile_of, profile_rows, taste_profiles
from analytics.services.profiles import refresh_profiles
from tests.analytics.profile_support import buy, goods
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db

DAY = date(2011, 11, 9)


def profile(code):
    return CustomerProfile.objects.get(customer__code=code)


def test_shares_are_net_of_returns_and_leave_out_what_is_not_known():
    mug, lamp, bare = goods(mug={"family": "Mugs"}, lamp={"family": "Lamps"}, bare={})
    buy("A", "2011-11-01", (mug, 30), (lamp, 20), (bare, 50))
    buy("A", "2011-11-02", (lamp, 10), kind="return")

    refresh_profiles(as_of=DAY)

    found = profile("A")
    assert found.families == [
        {"value": "Mugs", "share": 0.75, "revenue": 30},
        {"value": "Lamps", "share": 0.25, "revenue": 10},
    ]
    assert (found.orders, found.average_order_value) == (1, Decimal("100.00"))
    assert found.returns_share == Decimal("0.1000")
    assert found.grapes is None
    assert found.aromas is None
    assert [item["value"] for item in found.products] == ["bare", "mug", "lamp"]


def test_what_came_back_altogether_is_no_taste():
    (mug,) = goods(mug={"family": "Mugs"})
    buy("A", "2011-11-01", (mug, 30))
    buy("A", "2011-11-02", (mug, 30), kind="return")
    refresh_profiles(as_of=DAY)
    assert (profile("A").families, profile("A").returns_share) == (None, Decimal("1.0000"))


def test_an_order_without_lines_counts_for_the_rhythm():
    shop({"A": [("2011-11-01", "10"), ("2011-11-04", "20"), ("2011-11-09", "30")], "B": []})

    result = refresh_profiles(as_of=DAY)

    assert (result.customers, result.written, result.whole) == (1, 1, True)
    found = profile("A")
    assert (found.orders, found.average_order_value, found.median_gap_days) == (3, 20, 4.0)
    assert (found.preferred_hour, found.preferred_season) == (12, "autumn")
    assert (found.first_product, found.products) == (None, None)


def test_the_past_is_told_without_writing():
    (mug,) = goods(mug={"family": "Mugs", "label": "A blue mug"})
    buy("A", "2011-10-01", (mug, 10))
    buy("A", "2011-11-01", (mug, 90))
    refresh_profiles(as_of=DAY)

    ((key, taste),) = taste_profiles(as_of=date(2011, 10, 31))

    assert key == profile("A").customer_id
    assert taste.average_order_value == Decimal("10.00")
    assert taste.products == ("A blue mug",)
    assert profile("A").average_order_value == Decimal("50.00")
    ((_, now),) = taste_profiles(as_of=None)
    assert now.average_order_value == Decimal("50.00")
    assert list(profile_rows(as_of=date(2011, 1, 1))) == []
    assert profile_of(key).first_product == mug


def test_values_are_kept_as_they_are_written():
    odd = 'a "quoted" \\ <b> é {"x": [1]}'
    (mug,) = goods(mug={"family": odd})
    buy("A", "2011-11-01", (mug, "0.01"), channel=odd[:30])
    refresh_profiles(as_of=DAY)
    found = profile("A")
    assert found.families == [{"value": odd, "share": 1, "revenue": 0.01}]
    assert found.channels[0]["value"] == odd[:30]


def test_large_amounts_are_exact():
    (mug,) = goods(mug={"family": "Mugs"})
    for _ in range(3):
        buy("A", "2011-11-01", (mug, "3333333333.33"))
    refresh_profiles(as_of=DAY)
    assert profile("A").families[0]["revenue"] == 9999999999.99
    assert profile("A").average_order_value == Decimal("3333333333.33")
