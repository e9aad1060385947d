"""X-Wines is loaded as a shop of its own: what it lacks stays empty, what is derived is marked."""

import lzma
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import Customer
from orders.importers.x_wines import purchases, wines
from orders.models import Order, OrderItem, Product
from orders.services.catalogue import derive_prices
from recommendations.models import RecoConfig
from recommendations.services import datasets
from recommendations.services.datasets import load_dataset
from tests.factories import OrderFactory, ProductFactory

pytestmark = pytest.mark.usefixtures("uploads")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(settings, tmp_path):
    """The shipped wines, and the ratings of a few users only."""
    settings.BASE_DIR = tmp_path
    (tmp_path / datasets.FOLDER).mkdir(parents=True)
    (tmp_path / datasets.WINES).write_bytes((ROOT / datasets.WINES).read_bytes())
    with lzma.open(ROOT / datasets.RATINGS, "rt", encoding="utf-8") as lines:
        kept = [line for line in lines if line.startswith("RatingID") or line.split(",")[1] in FEW]
    with lzma.open(tmp_path / datasets.RATINGS, "wt", encoding="utf-8") as target:
        target.writelines(kept)


FEW = {"1173759", "1164877", "1207665", "1075841"}


def test_the_whole_file_is_read_and_every_rated_wine_is_known():
    with lzma.open(ROOT / datasets.WINES, "rt", encoding="utf-8", newline="") as lines:
        known = {wine.key: wine for wine in wines(lines)}
    with lzma.open(ROOT / datasets.RATINGS, "rt", encoding="utf-8", newline="") as lines:
        found = [line.split(",") for line in purchases(lines)][1:]

    assert (len(known), len(found)) == (1_007, 128_232)
    assert {line[3] for line in found} <= set(known)
    assert len({wine.label for wine in known.values()}) == 1_007
    assert all(wine.grape and wine.family for wine in known.values())
    assert max(line[1] for line in found)[:10] == datasets.X_WINES_NEWEST.isoformat()
    assert len({line[0] for line in found}) == len({(line[2], line[1][:10]) for line in found})


@pytest.mark.django_db
class TestLoading:
    def test_ratings_become_purchases_without_a_currency_near_today(self, small):
        found = load_dataset(dataset="x-wines")

        assert found.loaded_now
        assert set(Customer.objects.values_list("code", flat=True)) == FEW
        assert found.lines == OrderItem.objects.count() >= 4
        assert set(Order.objects.values_list("currency", "source")) == {("XXX", "x-wines")}
        assert set(OrderItem.objects.values_list("unit_price", flat=True)) == {Decimal(1)}
        assert derive_prices() == 0
        moved = timezone.localdate() - datasets.X_WINES_NEWEST
        assert found.shift_days % 7 == 0
        assert 1 <= moved.days - found.shift_days <= 7
        wine = Product.objects.get(key="100001")
        assert (wine.family, wine.grape, wine.derived_fields) == (
            "Sparkling", "Muscat/Moscato", ["family", "grape"],
        )  # fmt: skip
        lacks = ["price", "sugar_level", "price_band", "premium_tier", "aroma_fruity", "stock"]
        assert all(getattr(wine, name) is None for name in lacks)
        assert (wine.attributes["body"], wine.popularity) == ("Medium-bodied", 0)

        active = RecoConfig.objects.active().get()
        assert not active.values["require_price"]
        assert active.values["scenario"]["winback_min_historical_ca"] == 0

    def test_a_second_call_changes_nothing(self, small, capsys):
        load_dataset(dataset="x-wines", shift=False)
        before = Product.objects.count(), OrderItem.objects.count(), RecoConfig.objects.count()

        call_command("load_demo", "--dataset", "x-wines")

        assert "Already here:" in capsys.readouterr().out
        after = Product.objects.count(), OrderItem.objects.count(), RecoConfig.objects.count()
        assert after == before
        assert Order.objects.latest("ordered_at").ordered_at.year <= 2020

    @pytest.mark.parametrize("dataset", datasets.DATASETS)
    def test_two_shops_do_not_mix(self, dataset):
        OrderFactory(source="shop")

        with pytest.raises(ConflictError, match="two shops do not mix"):
            load_dataset(dataset=dataset)
        with pytest.raises(CommandError, match="holds another shop"):
            call_command("load_demo", "--dataset", dataset)

    def test_a_catalogue_of_another_shop_counts_too(self, small):
        ProductFactory()

        with pytest.raises(ConflictError):
            load_dataset(dataset="x-wines")
        assert load_dataset(dataset="x-wines", force=True).loaded_now

    def test_it_is_refused_in_production_and_without_its_files(self, settings, tmp_path):
        with pytest.raises(CrmError, match="The data sets are: online-retail"):
            load_dataset(dataset="instacart")
        settings.BASE_DIR = tmp_path
        with pytest.raises(CrmError, match=r"xwines_wines\.csv\.xz is missing"):
            load_dataset(dataset="x-wines")
        settings.PRODUCTION = True
        with pytest.raises(CrmError, match="not for production"):
            load_dataset(dataset="x-wines")
