"""What the catalogue lacks is read from the shop's own sales, marked, and never overwrites."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from crm_project.common.exceptions import CrmError
from crm_project.common.models import RefreshState
from orders.models import Product
from orders.services.catalogue import (
    derive_catalogue,
    derive_price_bands,
    derive_prices,
    refresh_popularity,
)
from orders.services.products import update_product
from tests.factories import CustomerFactory, OrderFactory, OrderItemFactory, ProductFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 6, 30, 12, tzinfo=UTC)
TODAY = NOW.date()


def sold(product, price, days_ago=0, *, customer=None, **order):
    when = NOW - timedelta(days=days_ago)
    found = OrderFactory(ordered_at=when, **({"customer": customer} if customer else {}), **order)
    OrderItemFactory(order=found, product=product, unit_price=Decimal(price))


class TestPrices:
    def test_the_median_price_of_the_last_90_days_of_sales(self):
        product = ProductFactory(price=None)
        for price, days in [("9", 200), ("2.504", 100), ("3", 80), ("2.504", 60)]:
            sold(product, price, days)
        sold(product, "50", 1, kind="return")
        sold(product, "60", 1, status="cancelled")
        sold(product, "70", -1)

        assert derive_prices(as_of=TODAY) == 1

        product.refresh_from_db()
        # Of 2.504, 3 and 2.504, in the 90 days up to its own last sale 60 days ago.
        assert (product.price, product.derived_fields) == (Decimal("2.50"), ["price"])
        assert derive_prices(as_of=TODAY) == 0

    def test_a_price_of_the_shop_stays_and_one_of_a_person_too(self):
        given, derived = ProductFactory(price=Decimal(5)), ProductFactory(price=None)
        unsold, charge = ProductFactory(price=None), ProductFactory(price=None, kind="charge")
        for product in (given, derived, charge):
            sold(product, "8")
        derive_prices(as_of=TODAY)
        update_product(product_id=derived.pk, values={"price": Decimal(7)})

        assert derive_prices(as_of=TODAY) == 0

        prices = dict(Product.objects.values_list("pk", "price"))
        assert prices == {given.pk: 5, derived.pk: 7, unsold.pk: None, charge.pk: None}


class TestBands:
    def test_quarters_within_the_family_equal_prices_share_one(self):
        made = [
            ProductFactory(family="Red", price=Decimal(p)) for p in (1, 2, 2, 3, 4, 5, 6, 7, 100)
        ]
        ProductFactory(family="White", price=Decimal(3))
        ProductFactory(family="", price=Decimal(3))
        ProductFactory(family="Red", price=None)
        for _ in range(8):
            ProductFactory(family="Same", price=Decimal(4))

        filled, left_out = derive_price_bands()

        tiers = [Product.objects.get(pk=one.pk).premium_tier for one in made]
        # Quartiles 2, 4 and 6: the number of those strictly below the price.
        assert tiers == [0, 0, 0, 1, 1, 2, 2, 3, 3]
        assert filled == 9
        assert left_out == {
            "fewer than 8 priced products in the family": 1,
            "nearly all prices of the family are equal": 8,
            "no family": 1,
            "no price": 1,
        }
        first = Product.objects.get(pk=made[0].pk)
        assert (first.price_band, first.derived_fields) == (
            "budget",
            ["price_band", "premium_tier"],
        )
        assert derive_price_bands()[0] == 0

    def test_what_somebody_set_stays(self):
        for price in range(1, 9):
            ProductFactory(family="Red", price=Decimal(price))
        own = ProductFactory(family="Red", price=Decimal(50), price_band="icon")

        derive_price_bands()

        own.refresh_from_db()
        assert (own.price_band, own.premium_tier) == ("icon", 3)
        assert own.derived_fields == ["premium_tier"]

    def test_a_dry_run_counts_and_keeps_nothing(self):
        for price in range(1, 10):
            sold(ProductFactory(price=None, label=f"Mug {price}"), str(price))

        found = derive_catalogue(as_of=TODAY, dry_run=True)

        assert found.filled == {"families": 9, "prices": 9, "bands": 9}
        assert found.words.startswith("Would fill families of 9 products, prices of 9")
        assert not Product.objects.exclude(derived_fields=[]).exists()
        assert derive_catalogue(as_of=TODAY).filled == found.filled
        with pytest.raises(CrmError, match="The rules are: families, prices, bands"):
            derive_catalogue(rules=["stock"])


class TestPopularity:
    def test_it_counts_customers_of_90_days_and_writes_only_what_changed(self):
        product, never = ProductFactory(), ProductFactory()
        regular = CustomerFactory()
        for days in (0, 10, 89):
            sold(product, "1", days, customer=regular)
        sold(product, "1", 5, customer=CustomerFactory())
        sold(product, "1", 91, customer=CustomerFactory())
        sold(product, "1", -1, customer=CustomerFactory())
        sold(product, "1", 1, customer=CustomerFactory(is_test=True))
        sold(product, "1", 1, customer=CustomerFactory(), kind="return")
        sold(product, "1", 1, customer=CustomerFactory(), status="cancelled")

        assert refresh_popularity(as_of=TODAY) == 2

        product.refresh_from_db()
        never.refresh_from_db()
        assert (product.popularity, never.popularity) == (2, 0)
        state = RefreshState.objects.get(name="popularity")
        assert (state.rows, state.error) == (2, "")
