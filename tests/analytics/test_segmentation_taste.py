"""Groups by what customers really buy, from orders to vectors to names."""

from datetime import timedelta

import pytest

from analytics.models import Segmentation
from analytics.selectors.segmentation_taste import Taste, taste, terms_of
from analytics.services.segmentations import build
from customers.models import Customer
from orders.models import Order, OrderItem, Product
from tests.analytics.segmentation_support import DAY, QUICK, built, membership, order

pytestmark = pytest.mark.django_db

WINES = (("Riesling", "dry"), ("Merlot", "medium"), ("Port", "sweet"))


def wine_shop(customers=90):
    """Each customer buys two bottles of one of three wines, on days that differ a little."""
    wines = Product.objects.bulk_create(
        Product(key=grape, label=f"A bottle of {grape}", grape=grape, sugar_level=sugar)
        for grape, sugar in WINES
    )
    people = Customer.objects.bulk_create(Customer(code=f"W{n:03}") for n in range(customers))
    for age in (5, 40):
        drink(people, wines, day=DAY - timedelta(days=age))
    return people, wines


def drink(people, wines, *, day, shift=0):
    orders = Order.objects.bulk_create(
        order(person, day - timedelta(days=place % 7), 20 + place)
        for place, person in enumerate(people)
    )
    OrderItem.objects.bulk_create(
        OrderItem(order=each, ordinal=1, product=wines[(place + shift) % 3], quantity=1,
                  unit_price=each.net_amount)
        for place, each in enumerate(orders)
    )  # fmt: skip


def test_customers_of_one_wine_are_one_group_with_its_name():
    people, _ = wine_shop()

    found = built("taste", make_current=False)

    groups = membership(found)
    assert [len({groups[p.pk] for p in people[n::3]}) for n in range(3)] == [1, 1, 1]
    assert found.k == 3
    names = dict(found.clusters.values_list("number", "name"))
    for place, (grape, sugar) in enumerate(WINES):
        name = names[groups[people[place].pk]]
        assert grape in name or sugar in name.lower()
    assert "local model of 2011-09-01" in found.params["vectors"]


def test_what_is_bought_later_changes_no_taste_of_the_day():
    people, wines = wine_shop()
    before = built("taste", make_current=False)
    drink(people, wines, day=DAY + timedelta(days=9), shift=1)

    after = built("taste", make_current=False)

    assert membership(after) == membership(before)
    assert after.quality == before.quality
    assert list(after.clusters.values_list("name", "evidence")) == list(
        before.clusters.values_list("name", "evidence")
    )


def test_terms_are_the_shares_of_what_is_bought():
    people, _ = wine_shop(3)
    weights = dict(terms_of(DAY, [people[0].pk]))[people[0].pk]
    assert (weights["Riesling"], weights["dry"]) == (1.0, 1.0)
    assert weights["A bottle of Riesling"] == 1.0


def test_orders_that_name_no_products_are_no_taste():
    people = Customer.objects.bulk_create(Customer(code=f"P{n}") for n in range(60))
    Order.objects.bulk_create(order(person, DAY, 10 + n) for n, person in enumerate(people))
    assert taste(DAY) == "Nothing is known of what anybody buys: the orders name no products."
    assert build(as_of=DAY, kinds=["taste"], effort=QUICK).left_out["taste"] == taste(DAY)
    assert Segmentation.objects.get().status == "left_out"


def test_a_customer_without_a_counted_sale_has_no_taste():
    people, _ = wine_shop(6)
    Order.objects.filter(customer=people[0]).update(status="cancelled")
    found = taste(DAY)
    assert isinstance(found, Taste)
    assert people[0].pk not in found.ids
    assert list(found.ids) == sorted(found.ids)


def test_reading_terms_costs_a_few_queries_however_many_customers(django_assert_max_num_queries):
    people, _ = wine_shop(60)
    with django_assert_max_num_queries(4):
        assert len(list(terms_of(DAY, [person.pk for person in people]))) == 60
