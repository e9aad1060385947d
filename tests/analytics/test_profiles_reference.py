"""Profiles computed in SQL against the same rules in plain Python, and against each other."""

from datetime import date, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import CustomerProfile
from analytics.selectors.profiles import ProfileRow, profile_rows
from analytics.services.profiles import refresh_profiles
from customers.models import Customer
from orders.models import Order, OrderItem, Product
from tests.analytics.profile_reference import reference
from tests.analytics.profile_support import buy, goods
from tests.analytics.support import at

pytestmark = pytest.mark.django_db

DAY = date(2011, 11, 9)
MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = [name for name in ProfileRow.__dataclass_fields__ if name != "customer_id"]

ARTICLES = {
    "p1": {"family": "Red", "grape": "Syrah", "sugar_level": "dry", "aroma_woody": 5},
    "p2": {"family": "Red", "grape": "Merlot", "price_band": "low", "aroma_woody": 2,
           "aroma_fruity": 4},
    "p3": {"family": "White", "sugar_level": "sweet", "aroma_fruity": 1, "aroma_earthy": 3},
    "p4": {"family": "", "grape": None},
    "p5": {"kind": "charge", "family": "Postage"},
}  # fmt: skip

lines = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), max_size=4)
one_order = st.tuples(
    st.sampled_from("ABC"),
    st.integers(0, 500),
    st.sampled_from(["00:00", "00:30", "09:15", "23:45"]),
    st.sampled_from(["sale", "sale", "sale", "return"]),
    st.sampled_from(["paid", "fulfilled", "pending", "cancelled"]),
    st.sampled_from(["", "web", "shop"]),
    lines,
)
orders_made = st.lists(one_order, max_size=14)


def empty():
    for model in (OrderItem, Order, CustomerProfile, Customer, Product):
        model.objects.all().delete()


def write(orders, articles=None):
    articles = articles or goods(**ARTICLES)
    for code, age, clock, kind, status, channel, parts in orders:
        moment = at(DAY - timedelta(days=age), clock)
        bought = [(articles[place], amount) for place, amount in parts]
        buy(code, moment, *bought, kind=kind, status=status, channel=channel)
    return articles


def stored():
    rows = CustomerProfile.objects.order_by("customer_id").values("customer_id", *NAMES)
    return {row.pop("customer_id"): row for row in rows}


def without_levels(profile):
    """Scores at the edge of rounding must not decide; levels follow from them."""
    aromas = profile["aromas"]
    levels = {axis: found.get("level") for axis, found in (aromas or {}).items()}
    plain = {
        axis: {name: value for name, value in found.items() if name != "level"}
        for axis, found in (aromas or {}).items()
    }
    return {**profile, "aromas": None}, plain, levels


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, theirs in expected.items():
        ours, our_aromas, levels = without_levels(found[key])
        plain, aromas, _ = without_levels(theirs)
        confidence, expected_confidence = (
            ours.pop("aroma_confidence"),
            plain.pop("aroma_confidence"),
        )
        assert ours == plain
        assert confidence == pytest.approx(expected_confidence, abs=1e-4)
        assert our_aromas.keys() == aromas.keys()
        for axis, values in aromas.items():
            assert our_aromas[axis] == pytest.approx(values, abs=1e-4)
            score = our_aromas[axis]["score"]
            level = "low" if score < 0.45 else "medium" if score < 0.7 else "high"
            assert levels[axis] == level


@MANY
@given(orders_made)
def test_sql_agrees_with_plain_python(orders):
    empty()
    write(orders)
    refresh_profiles(as_of=DAY, full=True)
    same(stored(), reference(DAY))


@MANY
@given(orders_made, orders_made)
def test_a_refresh_of_what_changed_gives_what_a_full_one_gives(before, after):
    empty()
    articles = write(before)
    refresh_profiles(as_of=DAY - timedelta(days=30))
    write(after, articles)
    Order.objects.filter(number__endswith="-1").update(status="cancelled")
    OrderItem.objects.filter(ordinal=2).delete()
    Product.objects.filter(key="p1").update(grape="Cinsault", aroma_woody=None)
    Customer.objects.filter(code="C").update(is_test=True)

    assert not refresh_profiles(as_of=DAY).whole

    by_change = stored()
    assert refresh_profiles(as_of=DAY, full=True).written == 0
    assert by_change == stored()
    same(by_change, reference(DAY))


@MANY
@given(orders_made, orders_made)
def test_nothing_after_the_day_changes_a_profile(before, later):
    empty()
    articles = write(before)
    earlier = DAY - timedelta(days=1)
    known = list(profile_rows(as_of=earlier))
    write([(code, 0, *rest) for code, _, *rest in later], articles)
    assert list(profile_rows(as_of=earlier)) == known
    refresh_profiles(as_of=earlier)
    assert len(stored()) == len(known)


def copied(sql, rows):
    with connection.cursor() as cursor, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row(row)


class TestWhatIsNoticed:
    """Each kind of change, by its shortest way into the database."""

    @pytest.fixture
    def settled(self):
        mug, lamp = goods(mug={"family": "Mugs"}, lamp={"family": "Lamps"})
        order = buy("A", "2011-11-01", (mug, 10))
        buy("B", "2011-11-01", (lamp, 10))
        refresh_profiles(as_of=DAY)
        return order, mug, lamp

    def looked_at(self, **options):
        return refresh_profiles(**{"as_of": DAY, **options}).customers

    def test_without_changes_nobody_is_looked_at(self, settled):
        assert self.looked_at() == 0

    def test_orders_and_lines_that_were_copied_count(self, settled):
        _, mug, _ = settled
        customer = Customer.objects.get(code="A").pk
        copied(
            "copy orders_order (id, source, number, customer_id, ordered_at, currency, net_amount,"
            " gross_amount, channel) from stdin",
            [(10**6, "copy", "1", customer, "2011-11-05 12:00+00", "GBP", 5, 5, "web")],
        )
        assert self.looked_at() == 1
        copied(
            "copy orders_orderitem (order_id, ordinal, product_id, quantity, unit_price)"
            " from stdin",
            [(10**6, 1, mug.pk, 1, 5)],
        )
        assert self.looked_at() == 1
        found = CustomerProfile.objects.get(customer_id=customer)
        assert (found.orders, found.families[0]["revenue"]) == (2, 15)

    def test_a_change_of_a_line_alone_counts(self, settled):
        OrderItem.objects.filter(order=settled[0]).update(unit_price=12)
        assert self.looked_at() == 1

    def test_an_article_that_gets_a_taste_concerns_its_buyers(self, settled):
        Product.objects.filter(key="mug").update(grape="Riesling")
        assert self.looked_at() == 1
        found = CustomerProfile.objects.get(customer__code="A")
        assert found.grapes == [{"value": "Riesling", "share": 1, "revenue": 10}]

    def test_prices_and_labels_concern_nobody(self, settled):
        Product.objects.update(price=1, stock=3, popularity=0.5, label="New")
        Customer.objects.update(name="Somebody")
        assert self.looked_at() == 0

    def test_an_order_that_changes_hands_concerns_both(self, settled):
        order = settled[0]
        order.customer = Customer.objects.get(code="B")
        order.save()
        result = refresh_profiles(as_of=DAY)
        assert (result.customers, result.written, result.removed) == (2, 1, 1)

    def test_who_is_merged_or_deleted_has_no_profile(self, settled):
        Customer.objects.filter(code="A").update(status="merged")
        assert refresh_profiles(as_of=DAY).removed == 1
        OrderItem.objects.filter(order__customer__code="B").delete()
        Order.objects.filter(customer__code="B").delete()
        with connection.cursor() as cursor:
            cursor.execute("delete from orders_customertotals")
            cursor.execute("delete from customers_customer where code = 'B'")
        assert refresh_profiles(as_of=DAY).removed == 1
        assert not CustomerProfile.objects.exists()

    def test_a_later_day_looks_at_the_orders_between(self, settled):
        (cup,) = goods(cup={})
        buy("B", "2011-11-20", (cup, 1))
        assert self.looked_at() == 1
        assert CustomerProfile.objects.get(customer__code="B").orders == 1
        assert self.looked_at(as_of=date(2011, 11, 20)) == 1
        assert CustomerProfile.objects.get(customer__code="B").orders == 2

    def test_an_earlier_day_looks_at_everybody(self, settled):
        result = refresh_profiles(as_of=date(2011, 10, 1))
        assert (result.whole, result.removed) == (True, 2)

    @pytest.mark.owner
    def test_after_emptying_a_table_everybody_is_looked_at(self, settled):
        with connection.cursor() as cursor:
            # Deferred checks of what the fixture wrote stand in the way of TRUNCATE.
            cursor.execute("set constraints all immediate")
            cursor.execute("truncate analytics_customerprofile")
        result = refresh_profiles(as_of=DAY)
        assert (result.whole, result.written) == (True, 2)
