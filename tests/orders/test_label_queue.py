"""Lines whose product nobody knows wait in a queue, and come in once a person has decided."""

import io
from decimal import Decimal

import pytest

from customers.models import RefusedRow
from customers.services import imports
from orders.models import LabelSuggestion, Order, OrderItem, Product
from orders.services.label_queue import suggest_aliases
from tests.factories import ProductAliasFactory, ProductFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]

HEADER = (
    "order_number,ordered_at,customer_code,product_key,product_label,quantity,unit_price,"
    "discount_amount,tax_amount"
)
REFUSE = {"unknown_products": "refuse"}


def stored(*lines, **given):
    content = "\n".join([HEADER, *lines]) + "\n"
    return imports.create_batch(
        kind="orders", format="generic", file=io.BytesIO(content.encode()), file_name="f.csv",
        **{"options": REFUSE, **given},
    )  # fmt: skip


def take(*lines, **given):
    return imports.commit(batch_id=stored(*lines, **given).pk)


def counts(batch):
    return batch.lines, batch.new, batch.changed, batch.unchanged, batch.refused


LINES = [
    "1,2025-01-05,C1,A1,Riesling dry,2,5,,",
    "1,2025-01-05,C1,X9,Rieslng dry 2019,1,7,1,0.5",
    "1,2025-01-05,C1,,Pinot Noir,3,4,,",
    "2,2025-01-06,C2,X9,Rieslng dry 2019,1,7,,",
]


class TestRefused:
    def test_lines_of_unknown_products_are_set_aside_with_their_sums(self):
        riesling = ProductFactory(key="A1", label="Riesling dry")
        pinot = ProductFactory(key="B2", label="pinot noir")

        batch = take(*LINES)

        order = Order.objects.get()
        items = list(order.items.order_by("ordinal").values_list("ordinal", "product"))
        assert counts(batch) == (4, 2, 0, 0, 2)
        assert batch.summary["refused_by_reason"] == {"unknown_product": 2}
        assert items == [(1, riesling.pk), (3, pinot.pk)]
        assert (order.net_amount, order.gross_amount) == (Decimal(22), Decimal(22))
        assert list(RefusedRow.objects.values_list("line_number", flat=True)) == [3, 5]
        waiting = LabelSuggestion.objects.get()
        assert (waiting.label, waiting.key, waiting.seen) == ("Rieslng dry 2019", "X9", 2)
        assert (waiting.product, waiting.batch, waiting.source) == (riesling, batch, "generic")
        assert 0.3 <= waiting.similarity < 1

    def test_after_an_alias_the_same_file_brings_what_was_missing_and_changes_nothing_else(self):
        riesling = ProductFactory(key="A1", label="Riesling dry")
        ProductFactory(key="B2", label="Pinot Noir")
        take(*LINES)
        before = list(OrderItem.objects.values_list("id", "ordinal"))
        ProductAliasFactory(label="RIESLNG DRY 2019", product=riesling)

        again = take(*LINES, mode="create")

        assert counts(again) == (4, 2, 0, 2, 0)
        assert set(before) < set(OrderItem.objects.values_list("id", "ordinal"))
        assert Order.objects.get(number="1").net_amount == Decimal(28)
        assert Order.objects.get(number="1").gross_amount == Decimal("28.50")
        assert Order.objects.get(number="2").net_amount == Decimal(7)
        assert Product.objects.count() == 2

    def test_usually_an_unknown_number_becomes_a_product_but_a_bare_label_does_not(self):
        batch = take(*LINES, options={})

        assert set(Product.objects.values_list("key", flat=True)) == {"A1", "X9"}
        assert counts(batch) == (4, 3, 0, 0, 1)
        assert LabelSuggestion.objects.get().label == "Pinot Noir"

    def test_two_products_of_one_label_are_not_guessed_between(self):
        ProductFactory.create_batch(2, label="Pinot Noir")

        take("1,2025-01-05,C1,,Pinot Noir,3,4,,")

        assert not Order.objects.exists()
        assert LabelSuggestion.objects.get().similarity == 1

    def test_a_preview_and_a_stopped_import_put_nothing_into_the_queue(self):
        imports.preview(batch_id=stored(*LINES).pk)
        take(*LINES, on_error="stop")

        assert not LabelSuggestion.objects.exists()

    def test_the_same_file_again_does_not_count_twice(self):
        take(*LINES)
        first = list(LabelSuggestion.objects.order_by("label").values_list("label", "seen"))
        take(*LINES)

        assert list(LabelSuggestion.objects.order_by("label").values_list("label", "seen")) == first


class TestScan:
    def test_two_products_alike_are_proposed_once_for_the_better_known_one(self):
        known = ProductFactory(label="White hanging heart T-light holder", popularity=9)
        double = ProductFactory(label="WHITE HANGING HEARTS T-LIGHT HOLDER", popularity=1)
        ProductFactory(label="Jumbo bag red retrospot")
        ProductFactory(label="Jumbo bag pink retrospot")

        found = suggest_aliases()
        suggest_aliases()

        one = LabelSuggestion.objects.get()
        assert (found.products, found.alike) == (4, 1)
        assert (one.other, one.product, one.origin) == (double, known, "scan")

    def test_a_dry_run_counts_and_keeps_nothing(self):
        ProductFactory.create_batch(2, label="The same")

        assert suggest_aliases(dry_run=True).alike == 1
        assert not LabelSuggestion.objects.exists()

    def test_waiting_labels_find_a_product_that_came_later(self):
        take(*LINES)
        pinot = ProductFactory(label="Pinot Noir 2020")

        found = suggest_aliases()

        assert (found.labels, found.matched) == (3, 1)
        assert LabelSuggestion.objects.get(label="Pinot Noir").product == pinot
