"""Files of our own form: its columns, numbers and dates, and what they do not overwrite."""

from decimal import Decimal

import pytest

from customers.models import Customer
from orders.models import Order, Product
from tests.factories import CustomerFactory
from tests.orders.order_files import GENERIC, counts, generic, reasons

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]


class TestGeneric:
    LINE = "1,2024-05-01,C1,P1,2,1.50"

    def test_the_least_columns_are_enough_and_a_price_may_be_zero(self):
        batch = generic(self.LINE, "1,2024-05-01,C1,P2,1,0", source="shop")
        assert counts(batch) == (2, 2, 0, 0, 0, 0)
        assert Order.objects.get().source == "shop"
        assert Product.objects.get(key="P1").label == "P1"

    def test_all_columns_are_taken(self):
        extra = (
            ",source,product_label,discount_amount,tax_amount,currency,kind,status,channel"
            ",customer_name,customer_email,country"
        )
        generic(
            self.LINE + ",web,Label,0.50,0.25,EUR,return,fulfilled,app,Ann,ann@example.org,France",
            header=GENERIC + extra,
        )
        order = Order.objects.select_related("customer").get()
        assert (order.source, order.currency, order.kind) == ("web", "EUR", "return")
        assert (order.net_amount, order.gross_amount) == (Decimal("2.50"), Decimal("2.75"))
        assert (order.status, order.channel) == ("fulfilled", "app")
        assert (order.customer.name, order.customer.email) == ("Ann", "ann@example.org")

    @pytest.mark.parametrize(
        ("column", "value", "reason"),
        [
            ("discount_amount", "3.01", "discount_too_large"),
            ("discount_amount", "-1", "negative_amount"),
            ("kind", "gift", "bad_kind"),
            ("status", "lost", "bad_status"),
            ("currency", "pounds", "bad_currency"),
            ("customer_email", "no", "bad_email"),
        ],
    )
    def test_bad_extra_columns_refuse_the_line(self, column, value, reason):
        batch = generic(f"{self.LINE},{value}", header=f"{GENERIC},{column}")
        assert reasons(batch) == {reason: 1}

    @pytest.mark.parametrize(
        ("column", "values", "reason"),
        [
            ("kind", ("sale", "return"), "two_kinds"),
            ("currency", ("GBP", "EUR"), "two_currencies"),
            ("status", ("paid", "pending"), "two_statuses"),
        ],
    )
    def test_an_order_that_contradicts_itself_is_refused(self, column, values, reason):
        lines = [f"{self.LINE},{value}" for value in values]
        assert reasons(generic(*lines, header=f"{GENERIC},{column}")) == {reason: 2}

    def test_an_amount_beyond_the_column_is_refused(self):
        batch = generic("1,2024-05-01,C1,P1,99999999999,9999999999")
        assert reasons(batch) == {"amount_too_large": 1}

    def test_dates_with_slashes_need_to_be_told(self):
        line = self.LINE.replace("2024-05-01", "05/06/2024")
        assert reasons(generic(line)) == {"ambiguous_date": 1}
        generic(line, options={"date_order": "dmy", "time_zone": "UTC"})
        assert Order.objects.get().ordered_at.isoformat() == "2024-06-05T00:00:00+00:00"

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_the_delimiter_is_found_out(self, delimiter):
        lines = [text.replace(",", delimiter) for text in (GENERIC, self.LINE)]
        assert generic(lines[1], header=lines[0]).new == 1

    def test_a_decimal_comma_is_found_out_where_it_is_beyond_doubt(self):
        head = GENERIC.replace(",", ";")
        generic("1;2024-05-01;C1;P1;1;1.234,56", "1;2024-05-01;C1;P1;2;0,5", header=head)
        assert Order.objects.get().net_amount == Decimal("1235.56")

    def test_a_number_that_could_be_either_is_refused_unless_told(self):
        head, line = GENERIC.replace(",", ";"), "1;2024-05-01;C1;P1;1;1,234"
        assert reasons(generic(line, header=head)) == {"bad_price": 1}
        generic(line, header=head, options={"decimal": "comma"})
        assert Order.objects.get().items.get().unit_price == Decimal("1.2340")

    def test_a_status_that_staff_changed_stays_when_the_file_names_none(self):
        generic(self.LINE)
        Order.objects.update(status="cancelled")
        assert counts(generic(self.LINE)) == (1, 0, 0, 1, 0, 0)
        assert Order.objects.get().status == "cancelled"

    def test_what_staff_know_of_a_customer_is_not_overwritten(self):
        CustomerFactory(code="C1", name="Known", country="")
        header = f"{GENERIC},customer_name,country"
        generic(f"{self.LINE},Other,Spain", header=header)
        customer = Customer.objects.get()
        assert (customer.name, customer.country) == ("Known", "Spain")
