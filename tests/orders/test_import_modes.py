"""What a second import changes, what a preview tells, and what a commit may no longer do."""

from decimal import Decimal

import pytest

from crm_project.common.exceptions import ConflictError
from customers.models import Customer
from customers.services import imports
from orders.models import CustomerTotals, Order
from tests.orders.order_files import GOOD, HEADER, batch_of, counts, take

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]


class TestModes:
    CHANGED = GOOD.replace(",6,", ",7,")
    OTHER = "9,B,y,1,2010-12-01 08:26:00,1,8,UK"

    @pytest.mark.parametrize(
        ("mode", "expected", "amount"),
        [
            ("both", (3, 2, 1, 0, 0, 0), "20.40"),
            ("create", (3, 2, 0, 0, 0, 1), "17.85"),
            ("update", (3, 0, 1, 0, 0, 2), "17.85"),
        ],
    )
    def test_a_mode_leaves_out_what_it_is_not_for(self, mode, expected, amount):
        take(GOOD)
        second = GOOD.replace("85123A", "71053").replace(",6,", ",1,")

        batch = take(self.CHANGED, second, self.OTHER, mode=mode)

        assert counts(batch) == expected
        assert Order.objects.get(number="536365").net_amount == Decimal(amount)
        assert Customer.objects.filter(code="8").exists() == (mode != "update")
        total = CustomerTotals.objects.get(customer__code="17850").sales_total
        assert total == Decimal(amount)

    @pytest.mark.parametrize(
        "changed",
        [
            GOOD.replace("2.55", "2.56"),
            GOOD.replace("85123A", "X"),
            GOOD.replace("08:26", "08:27"),
            GOOD.replace("17850", "17851"),
        ],
        ids=["price", "product", "date", "customer"],
    )
    def test_a_line_changes_with_price_product_date_or_customer(self, changed):
        take(GOOD)
        assert counts(take(changed)) == (1, 0, 1, 0, 0, 0)
        assert counts(take(changed)) == (1, 0, 0, 1, 0, 0)

    def test_a_preview_gives_the_counts_of_its_commit_and_writes_nothing(self):
        take(GOOD)
        content = "\n".join([HEADER, self.CHANGED, self.OTHER, "1,A,x"])
        batch = imports.preview(batch_id=batch_of(content).pk)
        seen = counts(batch), batch.summary
        assert batch.status == "previewed"
        assert Order.objects.count() == 1
        assert batch.refused_rows.count() == 1

        batch = imports.commit(batch_id=batch.pk)

        assert (counts(batch), batch.summary) == seen
        assert counts(batch) == (3, 1, 1, 0, 1, 0)
        assert batch.refused_rows.count() == 1

    def test_stop_writes_nothing_and_keeps_the_refused_lines(self):
        batch = take(GOOD, "1,A,x", on_error="stop")
        assert batch.status == "failed"
        assert "nothing was imported" in batch.error
        assert not Order.objects.exists()
        assert not Customer.objects.exists()
        assert batch.refused_rows.count() == 1

    def test_a_committed_batch_is_given_back_and_a_cancelled_one_refuses(self):
        batch = take(GOOD)
        assert imports.commit(batch_id=batch.pk).new == 1
        with pytest.raises(ConflictError):
            imports.cancel(batch_id=batch.pk)
        other = imports.cancel(batch_id=batch_of(GOOD).pk)
        with pytest.raises(ConflictError):
            imports.commit(batch_id=other.pk)
