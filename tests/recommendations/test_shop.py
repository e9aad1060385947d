"""What a run of recommendations reads, against the same rows read one by one."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.utils import timezone

from analytics.models import RfmScore
from analytics.selectors.columns import read_columns
from analytics.services.rfm import score_rfm
from analytics.services.signal_store import store
from orders.models import Product
from recommendations.models import RecoExport, RecoExportItem
from recommendations.selectors.shop import data_version, load_shop
from tests.analytics.signals import envelope
from tests.analytics.support import at
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerFactory,
    OrderFactory,
    OrderItemFactory,
    ProductFactory,
)
from tests.recommendations.storage import make_run

pytestmark = pytest.mark.django_db

DAY = date(2011, 9, 1)


def sale(customer, day, *lines, clock="12:00", **fields):
    """Write an order of (product, quantity, price) lines."""
    order = OrderFactory(customer=customer, ordered_at=at(day, clock), **fields)
    for place, (product, quantity, price) in enumerate(lines, 1):
        OrderItemFactory(
            order=order,
            ordinal=place,
            product=product,
            quantity=Decimal(quantity),
            unit_price=Decimal(price),
        )
    return order


def person(code, **fields):
    return CustomerFactory(code=code, registered_at=at("2010-01-01"), **fields)


def test_lines_of_one_order_and_product_are_added_up_in_the_order_of_buying():
    ann, bob = person("A"), person("B")
    port, ale = ProductFactory(key="port", price=None), ProductFactory(key="ale", price=None)
    late = sale(ann, DAY, (port, 2, "3.00"), (ale, 1, "1.50"), (port, 1, "2.50"), clock="23:59")
    early = sale(ann, DAY, (ale, 4, "1.00"), clock="00:00")
    bobs = sale(bob, DAY - timedelta(days=9), (ale, 1, "2.00"))

    shop = load_shop(as_of=DAY)

    lines = shop.lines
    assert shop.products.key[lines.product].tolist() == ["ale", "port", "ale", "ale"]
    assert shop.customers.id[lines.customer].tolist() == [ann.pk, ann.pk, ann.pk, bob.pk]
    assert lines.basket.tolist() == [early.pk, late.pk, late.pk, bobs.pk]
    assert lines.quantity.tolist() == [4, 3, 1, 1]
    assert lines.money.tolist() == [4, 8.5, 1.5, 2]
    assert lines.line[1] == late.items.order_by("pk").first().pk
    assert lines.day.tolist() == [DAY.toordinal()] * 3 + [DAY.toordinal() - 9]


def test_what_does_not_count_is_left_out():
    ann = person("A")
    port, postage = ProductFactory(key="port", price=None), ProductFactory(charge=True)
    sale(ann, DAY, (port, 1, "3.00"), (postage, 1, "5.00"))
    sale(ann, DAY, (port, 1, "3.00"), status="cancelled")
    sale(ann, DAY + timedelta(days=1), (port, 1, "3.00"), clock="00:00")
    sale(None, DAY, (port, 1, "3.00"))
    sale(person("T", is_test=True), DAY, (port, 1, "3.00"))
    sale(person("M", status="merged"), DAY, (port, 1, "3.00"))
    sale(ann, DAY, (port, 2, "3.00"), kind="return")
    sale(ann, DAY + timedelta(days=1), (port, 9, "3.00"), kind="return")

    shop = load_shop(as_of=DAY)

    assert len(shop.lines) == 1
    assert shop.customers.id.tolist() == [ann.pk]
    assert (shop.returns.quantity.tolist(), shop.returns.day.tolist()) == ([2], [DAY.toordinal()])


def test_who_and_what_did_not_exist_yet_is_left_out():
    ProductFactory(key="new")
    sold = ProductFactory(key="sold", price=Decimal("4.00"), derived_fields=["price"])
    known = person("A")
    CustomerFactory(code="B", registered_at=at(DAY + timedelta(days=1)))
    CustomerFactory(code="C", registered_at=None)
    buyer = CustomerFactory(code="D", registered_at=None)
    sale(buyer, DAY, (sold, 1, "3.00"))

    shop = load_shop(as_of=DAY)

    assert shop.customers.id.tolist() == [known.pk, buyer.pk]
    assert shop.products.key.tolist() == ["sold"]
    assert np.isnan(shop.products.price[0])
    assert len(load_shop(as_of=timezone.localdate()).products) == 2


def test_taste_stock_season_and_a_favourite_are_read_as_codes():
    ProductFactory(
        key="a", family="Red", grape="Merlot", sugar_level="dry", aroma_spicy=4, stock=-2,
        season_tags=["may"], premium_tier=2, price=Decimal("9.99"),
    )  # fmt: skip
    ProductFactory(key="b", family="White", is_active=False)
    CustomerFactory(code="A", profile={"favourite_family": " white "})

    shop = load_shop(as_of=timezone.localdate())

    goods = shop.products
    assert (goods.families, goods.attr1_names, goods.attr2_names) == (
        ("Red", "White"), ("Merlot",), ("dry",)
    )  # fmt: skip
    assert (goods.attr1.tolist(), goods.stock.tolist()) == ([0, -1], [0, -1])
    assert (goods.tier.tolist(), goods.season.tolist()) == ([2, -1], [1 << 4, 0])
    assert (goods.active.tolist(), goods.price.tolist()) == ([True, False], [9.99, 2.5])
    assert goods.axes[0, 2] == 4
    assert np.isnan(goods.axes[1]).all()
    assert shop.customers.declared_family.tolist() == [1]


def test_contacts_count_when_they_were_marketing_and_really_sent():
    ann, bob = person("A"), person("B")
    for days, fields in (
        (40, {}),
        (9, {"status": "failed"}),
        (8, {"purpose": "transactional"}),
        (7, {"direction": "inbound", "status": "received"}),
        (-1, {}),
    ):
        ContactEventFactory(customer=ann, occurred_at=at(DAY - timedelta(days=days)), **fields)

    found = load_shop(as_of=DAY).customers

    assert found.id.tolist() == [ann.pk, bob.pk]
    assert found.days_since_contact[0] == 40
    assert np.isnan(found.days_since_contact[1])


def test_segments_are_those_of_the_newest_scoring_up_to_the_day():
    ann, bob = person("A"), person("B")
    port = ProductFactory(price=None)
    sale(ann, DAY - timedelta(days=3), (port, 1, "3.00"))
    assert load_shop(as_of=DAY).customers.segment.tolist() == [-1, -1]

    score_rfm(as_of=DAY)
    score_rfm(as_of=DAY + timedelta(days=200))

    found = load_shop(as_of=DAY).customers
    score = RfmScore.objects.select_related("segment").get(customer=ann, run__as_of=DAY)
    assert found.id.tolist() == [ann.pk, bob.pk]
    assert found.segment[1] == -1
    assert found.segments[found.segment[0]] == score.segment.name


def test_signals_of_intent_are_those_of_fourteen_days():
    person("A"), ProductFactory(key="P1", price=Decimal(3))
    for days in (1, 15):
        moment = timezone.now() - timedelta(days=days)
        store([envelope("meeting_booked", "A", product_id="P1", at=moment)])
    store([envelope("page_view", "A", product_id="P1", at=timezone.now())])

    found = load_shop(as_of=timezone.localdate()).intents

    assert (found.customer.tolist(), found.product.tolist()) == ([0], [0])
    assert found.day.tolist() == [timezone.localdate().toordinal() - 1]
    assert 0 < found.value[0] <= 1


def test_only_the_last_two_exported_runs_of_a_customer_count():
    ann = CustomerFactory()
    goods = [ProductFactory() for _ in range(3)]
    for product in goods:
        run = make_run([(ann, product, 1)])
        export = RecoExport.objects.create(
            run=run, campaign=CampaignFactory(), channel="email", purpose="marketing",
            manifest={}, sha256="0" * 64, customers=1, rows=1,
        )  # fmt: skip
        RecoExportItem.objects.create(
            export=export, customer=ann, product=product, item_id=run.pk << 32, rank=1,
            scenario="REBUY",
        )  # fmt: skip

    today = timezone.localdate()
    found = load_shop(as_of=today)

    assert found.products.id[found.exported.product].tolist() == [p.pk for p in goods[1:]]
    assert len(load_shop(as_of=today - timedelta(days=1)).exported.day) == 0


def test_the_version_of_the_data_tells_states_apart_and_repeats():
    ann = person("A")
    sale(ann, DAY, (ProductFactory(key="x", price=None), 1, "3.00"))
    first = data_version(load_shop(as_of=DAY))

    assert data_version(load_shop(as_of=DAY)) == first
    assert (first["lines"], first["money"], first["last_day"]) == (1, "3.00", "2011-09-01")
    sale(ann, DAY, (Product.objects.get(), 1, "0.01"))
    assert data_version(load_shop(as_of=DAY))["sha256"] != first["sha256"]


def test_an_empty_shop_is_read_too():
    shop = load_shop(as_of=DAY)

    assert (len(shop.customers), len(shop.products), len(shop.lines)) == (0, 0, 0)
    assert data_version(shop)["last_day"] is None


def test_columns_longer_than_a_block_are_read_whole(monkeypatch):
    monkeypatch.setattr("analytics.selectors.columns._BLOCK", 1000)

    (found,) = read_columns("select generate_series(1, 5000)::int4", [], ["int4"])

    assert found.tolist() == list(range(1, 5001))
