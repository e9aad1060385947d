"""Files of the published form: which lines are orders, which are refused, what they become."""

import random
from decimal import Decimal

import pytest
from django.db import connection

from customers.models import Customer, RefusedRow
from orders.models import CustomerTotals, Order, OrderItem, Product
from tests.factories import CustomerAliasFactory, CustomerFactory
from tests.orders.order_files import GOOD, counts, reasons, take

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]


class TestOnlineRetail:
    def test_a_good_line_becomes_an_order_with_its_customer_and_product(self):
        batch = take(GOOD)

        order = Order.objects.get()
        assert counts(batch) == (1, 1, 0, 0, 0, 0)
        assert (order.source, order.number, order.kind) == ("online-retail", "536365", "sale")
        assert (order.net_amount, order.currency) == (Decimal("15.30"), "GBP")
        assert order.ordered_at.isoformat() == "2010-12-01T08:26:00+00:00"
        assert (order.customer.code, order.customer.country) == ("17850", "United Kingdom")
        assert Product.objects.get().label == "HEART"
        assert CustomerTotals.objects.get().sales_total == Decimal("15.30")

    def test_the_same_file_twice_changes_nothing(self):
        take(GOOD, GOOD)
        before = list(OrderItem.objects.values()), list(Order.objects.values())

        batch = take(GOOD, GOOD)

        assert counts(batch) == (2, 0, 0, 2, 0, 0)
        assert (list(OrderItem.objects.values()), list(Order.objects.values())) == before

    def test_identical_lines_are_real_and_kept(self):
        take(GOOD, GOOD, GOOD)
        assert list(OrderItem.objects.values_list("ordinal", flat=True)) == [1, 2, 3]

    def test_a_cancellation_is_a_return_with_positive_amounts(self):
        take(GOOD, "C536379,D,Discount,-2,2010-12-01 09:41:00,27.50,17850,United Kingdom")

        order = Order.objects.get(number="C536379")
        assert (order.kind, order.net_amount) == ("return", Decimal("55.00"))
        assert order.items.get().quantity == 2
        assert order.items.get().product.kind == "charge"
        assert CustomerTotals.objects.get().returns_total == Decimal("55.00")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("1,A,x,1,2010-12-01 08:26:00,1,,UK", "no_customer"),
            ("1,A,x,0,2010-12-01 08:26:00,1,7,UK", "quantity_zero"),
            ("1,A,x,-1,2010-12-01 08:26:00,1,7,UK", "quantity_negative"),
            ("1,A,x,1,2010-12-01 08:26:00,0,7,UK", "price_not_positive"),
            ("1,A,x,1,2010-12-01 08:26:00,-5,7,UK", "price_not_positive"),
            ("C1,A,x,1,2010-12-01 08:26:00,5,7,UK", "return_quantity_not_negative"),
            ("C1,A,x,-1,2010-12-01 08:26:00,-5,7,UK", "price_negative"),
            ("1,A,x,1e5,2010-12-01 08:26:00,1,7,UK", "bad_quantity"),
            ("1,A,x,NaN,2010-12-01 08:26:00,1,7,UK", "no_quantity"),
            ("1,A,x,1,2010-12-01 08:26:00,Infinity,7,UK", "bad_price"),
            ("1,A,x,1,2010-12-01 08:26:00,1.23456,7,UK", "bad_price"),
            ("1,A,x,1,2010-12-01 08:26:00,99999999999,7,UK", "price_too_large"),
            ("1,A,x,1,2010-02-30 08:26:00,1,7,UK", "bad_date"),
            ("1,A,x,1,yesterday,1,7,UK", "bad_date"),
            ("1,A,x,1,,1,7,UK", "no_date"),
            ("1,A,x,1,1066-10-14 09:00:00,1,7,UK", "date_out_of_range"),
            ("1,A,x,1,9999-12-31 23:59:59,1,7,UK", "date_in_future"),
            (",A,x,1,2010-12-01 08:26:00,1,7,UK", "no_order_number"),
            ("1,,x,1,2010-12-01 08:26:00,1,7,UK", "no_product"),
            (f"1,{'9' * 65},x,1,2010-12-01 08:26:00,1,7,UK", "product_too_long"),
            (f"{'9' * 65},A,x,1,2010-12-01 08:26:00,1,7,UK", "order_number_too_long"),
            (f"1,A,{'x' * 301},1,2010-12-01 08:26:00,1,7,UK", "label_too_long"),
            ("1,A,x\0y,1,2010-12-01 08:26:00,1,7,UK", "control_character"),
            ("1,A,x,1,2010-12-01 08:26:00,1,7,UK,more", "too_many_columns"),
            ("1,A,x", "too_few_columns"),
            ('1,"A"x,x,1,2010-12-01 08:26:00,1,7,UK', "malformed"),
        ],
    )
    def test_it_refuses_a_bad_line_with_its_text_and_keeps_the_rest(self, line, reason):
        batch = take(GOOD, line, GOOD)

        row = RefusedRow.objects.get()
        assert counts(batch) == (3, 2, 0, 0, 1, 0)
        assert reasons(batch) == {reason: 1}
        assert (row.line_number, row.raw, row.code) == (3, line.replace("\0", "␀"), reason)
        assert row.reason

    def test_lines_without_a_customer_can_be_kept_as_anonymous_orders(self):
        line = "536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,,United Kingdom"
        batch = take(line, options={"anonymous": "keep"})
        assert counts(batch) == (1, 1, 0, 0, 0, 0)
        assert Order.objects.get().customer is None

    def test_a_bookkeeping_adjustment_is_not_an_order_even_then(self):
        line = "A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom"
        batch = take(line, options={"anonymous": "keep"})
        assert reasons(batch) == {"adjustment": 1}

    def test_a_scattered_invoice_is_one_order_of_its_earliest_moment(self):
        take(
            "1,A,x,1,2010-12-01 08:27:00,1,7,UK",
            "2,A,x,1,2010-12-01 08:30:00,1,8,UK",
            "1,B,y,2,2010-12-01 08:26:00,1,7,UK",
        )
        order = Order.objects.get(number="1")
        assert order.ordered_at.minute == 26
        assert list(order.items.values_list("ordinal", "product__key")) == [(1, "A"), (2, "B")]

    def test_mending_a_refused_line_shifts_no_other(self):
        bad = "1,B,y,0,2010-12-01 08:26:00,1,7,UK"
        lines = ["1,A,x,1,2010-12-01 08:26:00,1,7,UK", bad, "1,C,z,1,2010-12-01 08:26:00,1,7,UK"]
        take(*lines)
        assert list(OrderItem.objects.values_list("ordinal", flat=True)) == [1, 3]

        batch = take(lines[0], bad.replace(",0,", ",9,"), lines[2])

        assert counts(batch) == (3, 1, 0, 2, 0, 0)
        assert Order.objects.get().net_amount == 11

    def test_lines_of_one_invoice_with_two_customers_are_all_refused(self):
        two = ["1,A,x,1,2010-12-01 08:26:00,1,7,UK", "1,B,y,1,2010-12-01 08:26:00,1,8,UK"]
        batch = take(two[0], GOOD, two[1])
        assert counts(batch) == (3, 1, 0, 0, 2, 0)
        assert [(r.line_number, r.raw) for r in batch.refused_rows.all()] == [
            (2, two[0]),
            (4, two[1]),
        ]
        assert set(Customer.objects.values_list("code", flat=True)) == {"17850"}
        assert set(Product.objects.values_list("key", flat=True)) == {"85123A"}

    def test_two_codes_of_the_same_customer_do_not_contradict(self):
        customer = CustomerFactory(code="7")
        CustomerAliasFactory(code="8", customer=customer)
        batch = take("1,A,x,1,2010-12-01 08:26:00,1,7,UK", "1,B,y,1,2010-12-01 08:26:00,1,8,UK")
        assert counts(batch) == (2, 2, 0, 0, 0, 0)
        assert Order.objects.get().customer == customer

    def test_the_label_is_the_most_frequent_description(self):
        line = "1,A,{},1,2010-12-01 08:26:00,1,7,UK"
        take(*(line.format(label) for label in ("wrong", "right", "right", "", "", "")))
        assert Product.objects.get().label == "right"

    def test_codes_that_differ_in_case_name_one_product(self):
        take(GOOD, GOOD.replace("85123A", "85123a"))
        assert Product.objects.get().key == "85123A"

    @pytest.mark.parametrize(
        ("code", "kind"),
        [("POST", "charge"), ("m", "charge"), ("gift_0001_10", "charge"), ("PADS", "product")],
    )
    def test_charges_count_in_the_amount_and_are_no_products(self, code, kind):
        take(GOOD.replace("85123A", code))
        assert Product.objects.get().kind == kind
        assert Order.objects.get().net_amount == Decimal("15.30")

    @pytest.mark.parametrize(
        ("written", "hour"),
        [
            ("12/1/2010 8:26", 8),
            ("12/1/10 08:26", 8),
            ("12/1/2010 8:26:00 PM", 20),
            ("2010-12-01 08:26", 8),
            ("2010-12-01T09:26:00+01:00", 8),
        ],
    )
    def test_the_public_files_dates_are_read_in_every_form(self, written, hour):
        take(GOOD.replace("2010-12-01 08:26:00", written))
        assert Order.objects.get().ordered_at.isoformat() == f"2010-12-01T{hour:02}:26:00+00:00"

    @pytest.mark.parametrize(
        ("local", "utc"),
        [
            ("2011-07-01 08:00:00", "2011-07-01T07:00"),
            ("2011-10-30 01:30:00", "2011-10-30T00:30"),  # twice: the first
            ("2011-03-27 01:30:00", "2011-03-27T01:30"),  # never: as if not yet changed
        ],
    )
    def test_times_are_local_to_the_shop(self, local, utc):
        take(GOOD.replace("2010-12-01 08:26:00", local), options={"time_zone": "Europe/London"})
        assert Order.objects.get().ordered_at.isoformat().startswith(utc)

    def test_the_second_published_shape_and_fractional_customers_are_known(self):
        header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
        batch = take(GOOD.replace("17850", "17850.0"), header=header)
        assert batch.new == 1
        assert Customer.objects.get().code == "17850"


def test_ten_thousand_lines_in_any_order_give_the_same_orders():
    """Scattered invoices: only the ordinals depend on the order of the lines."""
    chance = random.Random(3)  # noqa: S311 - data
    lines = [
        f"{chance.randrange(900)},P{chance.randrange(50)},x,{chance.randrange(1, 9)},"
        f"2011-01-{chance.randrange(1, 29):02} 08:00:00,{chance.randrange(1, 999) / 100},7,UK"
        for _ in range(10_000)
    ]
    take(*lines, source="a")
    chance.shuffle(lines)
    take(*lines, source="b")

    def orders(source):
        found = Order.objects.filter(source=source)
        return set(found.values_list("number", "ordered_at", "net_amount"))

    assert orders("a") == orders("b")
    totals = CustomerTotals.objects.get()
    assert totals.sales_total == 2 * sum(amount for _, _, amount in orders("a"))


@pytest.mark.owner
def test_it_works_under_a_role_that_may_only_use_the_tables():
    with connection.cursor() as cursor:
        cursor.execute("create role import_app")
        cursor.execute("grant usage on schema public to import_app")
        cursor.execute("grant all on all tables in schema public to import_app")
        cursor.execute("grant all on all sequences in schema public to import_app")
        cursor.execute("set local role import_app")
    assert take(GOOD).new == 1
