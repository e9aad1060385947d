"""Orders from files: what is taken, what is refused, and what a second import does."""

import gzip
import io
import lzma
import random
import threading
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection

from crm_project.common.exceptions import ConflictError
from customers.importers.errors import InputError
from customers.models import Customer, ImportBatch, RefusedRow
from customers.selectors.imports import refused_csv
from customers.services import imports
from orders.models import CustomerTotals, Order, OrderItem, Product
from tests.factories import CustomerAliasFactory, CustomerFactory

pytestmark = pytest.mark.django_db

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
GOOD = "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom"
GENERIC = "order_number,ordered_at,customer_code,product_key,quantity,unit_price"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.CRM_UPLOAD_DIR = tmp_path / "uploads"


def batch_of(content, fmt="online-retail", **given):
    data = content if isinstance(content, bytes) else content.encode()
    kind = given.pop("kind", "orders")
    return imports.create_batch(
        kind=kind, format=fmt, file=io.BytesIO(data), file_name="f.csv", **given
    )


def take(*lines, header=HEADER, **given):
    """Import lines under a header, and give the batch."""
    content = lines[0] if isinstance(lines[0], bytes) else "\n".join([header, *lines]) + "\n"
    return imports.commit(batch_id=batch_of(content, **given).pk)


def generic(*lines, header=GENERIC, **given):
    return take(*lines, header=header, fmt="generic", **given)


def counts(batch):
    return batch.lines, batch.new, batch.changed, batch.unchanged, batch.refused, batch.skipped


def reasons(batch):
    return batch.summary["refused_by_reason"]


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


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"\n\n", "empty"),
            (b"PK\x03\x04" + b"\0" * 99, "Excel"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(32)) * 9, "not text"),
            (b"a,b\n1,2\n", "lacks the columns InvoiceNo, StockCode"),
            (f"{HEADER},Invoice\n{GOOD},1\n".encode(), "twice"),
            (gzip.compress(f"{HEADER}\n{GOOD}\n".encode() * 99)[:-9], "cut off"),
            (lzma.compress(f"{HEADER}\n{GOOD}\n".encode() * 99)[:-30], "cut off"),
            (gzip.compress(b"x" * 99)[:10] + b"\xff" * 99, "damaged"),
        ],
    )
    def test_a_file_that_is_none_says_so_in_words_and_leaves_nothing(self, content, words):
        with pytest.raises(InputError, match=words):
            take(content)
        assert not Order.objects.exists()
        assert not ImportBatch.objects.exclude(status="failed").exists()
        assert all(words in batch.error for batch in ImportBatch.objects.all())

    @pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bytes])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_packed_files_and_all_line_ends_are_read(self, pack, end):
        batch = take(pack(end.join([HEADER, GOOD, GOOD]).encode()))
        assert counts(batch) == (2, 2, 0, 0, 0, 0)

    def test_packed_files_may_have_several_parts(self):
        parts = [f"{HEADER}\n".encode(), f"{GOOD}\n".encode()]
        assert take(b"".join(map(lzma.compress, parts))).new == 1
        assert take(b"".join(map(gzip.compress, parts))).unchanged == 1

    def test_a_bomb_is_stopped(self, settings):
        settings.CRM_IMPORT_UNPACKED_MAX_BYTES = 1 << 20
        with pytest.raises(InputError, match="unpacks to more"):
            take(gzip.compress(b"x" * (4 << 20)))

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
    def test_every_usual_encoding_is_recognised(self, encoding):
        content = f"{HEADER}\n{GOOD.replace('HEART', 'CAFÉ £5')}\n".encode(encoding)
        take(content)
        assert Product.objects.get().label == "CAFÉ £5"

    def test_bytes_that_a_given_encoding_does_not_know_are_told(self):
        content = f"{HEADER}\n{GOOD.replace('HEART', 'CAFÉ')}\n".encode("latin-1")
        with pytest.raises(InputError, match="not utf-8"):
            take(content, options={"encoding": "utf-8"})

    def test_a_header_alone_is_an_import_of_nothing(self):
        assert counts(take(f"{HEADER}\n".encode())) == (0, 0, 0, 0, 0, 0)

    def test_unknown_columns_are_told_and_blank_lines_are_nothing(self):
        batch = take(f"{GOOD},1", "", "  ", f"{GOOD},2", header=f"{HEADER},Colour")
        assert batch.summary["ignored_columns"] == ["Colour"]
        assert batch.lines == 2

    def test_a_quoted_line_break_belongs_to_its_line(self):
        batch = take(GOOD.replace("HEART", '"RED\nHEART"'), GOOD, "x", GOOD)
        assert counts(batch) == (4, 3, 0, 0, 1, 0)
        assert batch.refused_rows.get().line_number == 5

    def test_a_lone_quote_swallows_its_line_only(self):
        bad = GOOD.replace("HEART", '"HEART')
        batch = take(GOOD, bad, *[GOOD] * 300)
        assert counts(batch) == (302, 301, 0, 0, 1, 0)
        row = batch.refused_rows.get()
        assert (row.line_number, row.raw, row.code) == (3, bad, "unclosed_quote")

    def test_a_lone_quote_in_the_last_lines_too(self):
        batch = take(GOOD, GOOD.replace("HEART", '"HEART'), GOOD)
        assert counts(batch) == (3, 2, 0, 0, 1, 0)

    def test_an_endless_line_is_refused_and_the_next_are_taken(self):
        long = GOOD.replace("HEART", "x" * (3 << 20))
        batch = take(GOOD, long, GOOD)
        assert counts(batch) == (3, 2, 0, 0, 1, 0)
        assert batch.refused_rows.get().code == "line_too_long"
        assert take(long.replace(HEADER, "")).refused == 1

    def test_refused_lines_can_be_downloaded_and_put_right(self):
        batch = take(GOOD, "=1,A,x")
        header, line = "".join(refused_csv(batch=batch)).splitlines()
        assert header == "file,line,code,reason,raw"
        assert line.endswith(""","'=1,A,x\"""")

    @pytest.mark.parametrize(
        "given",
        [
            {"mode": "all"},
            {"on_error": "cry"},
            {"fmt": "xml"},
            {"kind": "weather"},
            {"options": {"colour": "red"}},
            {"options": {"time_zone": "Mars/Base"}},
            {"options": {"delimiter": "x"}},
            {"options": {"currency": "pound"}},
        ],
    )
    def test_a_wish_that_is_not_known_makes_no_batch(self, given):
        with pytest.raises(InputError):
            batch_of(GOOD, **given)
        assert not ImportBatch.objects.exists()


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


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_source_queue_up(in_thread):
    """Both at once: the second waits, finds nothing new, and the totals are exact."""
    lines = [GOOD.replace("536365", str(n)) for n in range(300)]
    batches = [batch_of("\n".join([HEADER, *lines, *[""] * n])) for n in range(2)]
    barrier = threading.Barrier(2)

    def work(batch):
        barrier.wait()
        return counts(imports.commit(batch_id=batch.pk))

    found = [finish() for finish in [in_thread(work, batch) for batch in batches]]

    assert Counter(found) == Counter({(300, 300, 0, 0, 0, 0): 1, (300, 0, 0, 300, 0, 0): 1})
    assert CustomerTotals.objects.get().order_count == 300


@pytest.mark.django_db(transaction=True)
def test_imports_of_different_sources_share_customers_without_a_deadlock(in_thread):
    lines = [GOOD.replace("536365", str(n)).replace("17850", str(n % 50)) for n in range(400)]
    barrier = threading.Barrier(4)

    def work(source):
        batch = batch_of("\n".join([HEADER, *lines]), source=source)
        random.Random(source).shuffle(lines)  # noqa: S311 - data
        barrier.wait()
        return imports.commit(batch_id=batch.pk).new

    finishes = [in_thread(work, f"shop{n}") for n in range(4)]

    assert [finish() for finish in finishes] == [400] * 4
    assert Customer.objects.count() == 50
    assert sum(CustomerTotals.objects.values_list("order_count", flat=True)) == 1600


@pytest.mark.owner
def test_it_works_under_a_role_that_may_only_use_the_tables():
    with connection.cursor() as cursor:
        cursor.execute("create role import_app")
        cursor.execute("grant usage on schema public to import_app")
        cursor.execute("grant all on all tables in schema public to import_app")
        cursor.execute("grant all on all sequences in schema public to import_app")
        cursor.execute("set local role import_app")
    assert take(GOOD).new == 1
