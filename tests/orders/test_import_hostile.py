"""Files that are meant to break the import, or that a tired export wrote."""

import io
import os
import threading

import pytest
from django.core.management import CommandError, call_command

from customers.importers import records
from customers.importers.errors import InputError
from customers.importers.header import COLUMNS_LIMIT
from customers.importers.lines import LINE_LIMIT
from customers.importers.records import RecordReader
from customers.importers.values import Memo
from customers.models import ContactEvent, ImportBatch, RefusedRow
from customers.services import imports
from orders.models import Order, Product
from tests.orders.order_files import HEADER
from tests.orders.test_totals import assert_totals_are_exact

pytestmark = pytest.mark.usefixtures("uploads")

GOOD = "536365,85123A,HEART,6,12/1/2010 8:26,2.55,17850.0,United Kingdom"


def run(path, **options):
    out = io.StringIO()
    call_command("import_orders", str(path), format="online-retail", stdout=out, **options)
    return ImportBatch.objects.latest("id")


def written(tmp_path, content, name="f.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused_with(tmp_path, content, words, **options):
    with pytest.raises(CommandError, match=words):
        run(written(tmp_path, content), **options)
    assert not Order.objects.exists()


class TestReader:
    def test_records_that_run_over_every_block_are_given_on_in_small_chunks(self):
        blocks = [['x"', 'a,"'] for _ in range(1000)]
        chunks = list(RecordReader(iter([['a,"'], *blocks, ['x"']]), delimiter=","))

        assert sum(len(chunk.rows) for chunk in chunks) == 1001
        assert max(len(chunk.rows) for chunk in chunks) <= 3
        assert [n for c in chunks for n in c.numbers] == list(range(1, 2003, 2))

    def test_no_chunk_of_odd_records_is_longer_than_the_limit(self, monkeypatch):
        monkeypatch.setattr(records, "CHUNK_RECORDS", 10)
        chunks = list(
            RecordReader(iter([['a"b' for _ in range(95)] + ['"c', 'd"']]), delimiter=",")
        )
        assert sum(len(chunk.rows) for chunk in chunks) == 96
        assert max(len(chunk.rows) for chunk in chunks) == 10

    def test_what_is_remembered_of_long_cells_is_bounded_by_their_length(self):
        memo = Memo(len)
        for number in range(400):
            memo[f"{number:0100000d}"]
        assert len(memo) <= 161
        assert memo[" "] == 1


@pytest.mark.django_db
class TestHeader:
    def test_a_first_line_without_end_is_called_too_long_and_not_an_empty_file(self, tmp_path):
        refused_with(tmp_path, "a" * (LINE_LIMIT * 2), "longer than a million")

    def test_a_lone_quote_at_the_start_of_a_file_is_told(self, tmp_path):
        refused_with(tmp_path, '"' + HEADER + "\n" + (GOOD + "\n") * 500, "header .line 1. cannot")

    def test_a_header_of_too_many_columns_is_refused(self, tmp_path):
        refused_with(tmp_path, HEADER + "," * COLUMNS_LIMIT + "\n" + GOOD, "at most 2,000")

    def test_of_many_unknown_columns_only_some_are_kept(self, tmp_path):
        extra = "".join(f",x{n}" for n in range(1000))
        batch = run(written(tmp_path, f"{HEADER}{extra}\n{GOOD}{',' * 1000}\n"))
        assert (batch.new, len(batch.summary["ignored_columns"])) == (1, 100)


@pytest.mark.django_db
class TestEncoding:
    @pytest.mark.parametrize("name", ["hex", "zip", "rot13", "undefined", "a\0b", "nonsense"])
    def test_an_encoding_that_is_none_of_text_is_refused(self, tmp_path, name):
        refused_with(tmp_path, f"{HEADER}\n{GOOD}\n", "is not known", encoding=name)

    def test_text_that_is_not_in_the_given_encoding_is_refused(self, tmp_path):
        refused_with(tmp_path, f"{HEADER}\n{GOOD}\n", "UTF-16|utf-16", encoding="utf-16")

    @pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
    def test_utf_16_without_a_mark_is_read_when_it_is_told(self, tmp_path, name):
        batch = run(written(tmp_path, f"{HEADER}\n{GOOD}\n".encode(name)), encoding=name)
        assert batch.new == 1


@pytest.mark.django_db
class TestWaysIn:
    def test_a_pipe_is_read_like_a_file(self, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_text(f"{HEADER}\n{GOOD}\n"))
        writer.start()
        batch = run(pipe)
        writer.join()
        assert (batch.new, batch.file_name) == (1, "pipe")

    def test_an_input_without_end_is_given_up(self, settings):
        settings.CRM_UPLOAD_MAX_BYTES = 3 << 20
        with pytest.raises(CommandError, match="larger than 3,145,728 bytes"):
            run("/dev/zero")

    def test_a_file_too_large_is_refused_before_it_is_read(self, settings, tmp_path):
        settings.CRM_UPLOAD_MAX_BYTES = 3 << 20
        path = tmp_path / "sparse.csv"
        with path.open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(CommandError, match="larger than 3,145,728 bytes"):
            run(path)

    def test_a_stored_file_that_is_gone_is_told(self, tmp_path, settings):
        with pytest.raises(CommandError):
            run(written(tmp_path, "nothing known\n1\n"))
        for stored in settings.CRM_UPLOAD_DIR.iterdir():
            stored.unlink()
        with pytest.raises(InputError, match="no longer kept"):
            imports.commit(batch_id=ImportBatch.objects.latest("id").pk)

    def test_being_stopped_by_the_keyboard_is_told_without_a_traceback(self, tmp_path, monkeypatch):
        def stopped(**given):
            raise KeyboardInterrupt

        monkeypatch.setattr(imports, "import_file", stopped)
        with pytest.raises(CommandError, match="nothing was imported"):
            run(written(tmp_path, GOOD))


@pytest.mark.django_db
class TestOddFiles:
    def test_the_dialect_of_the_published_file_gives_the_same_as_the_iso_one(self, tmp_path):
        uci = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
        lines = [
            GOOD.replace("HEART", "£ HEART"),
            "C536379,D,Discount,-1,12/13/2010 0:05,27.5,1.0,UK",
        ]
        first = run(written(tmp_path, "\r\n".join([uci, *lines]).encode("latin-1")))
        iso = [
            "536365,85123A,£ HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom",
            "C536379,D,Discount,-1,2010-12-13 00:05,27.50,1,UK",
        ]
        second = run(written(tmp_path, "\n".join([HEADER, *iso])))

        assert (first.new, first.refused) == (2, 0)
        assert (second.unchanged, second.new, second.changed) == (2, 0, 0)
        assert Product.objects.get(key="85123A").label == "£ HEART"
        assert_totals_are_exact()

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("12/1/2010 8:26", "13/1/2010 8:26", "bad_date"),
            ("12/1/2010 8:26", "12/1/2090 8:26", "date_in_future"),
            (",6,", ",1e5,", "bad_quantity"),
            (",6,", ",NaN,", "no_quantity"),
            (",6,", ",Infinity,", "bad_quantity"),
            (",6,", ",999999999999,", "quantity_too_large"),
            ("2.55", "99999999999.99", "price_too_large"),
            ("2.55", "999999999999999999", "bad_price"),
            ("85123A", "X" * 65, "product_too_long"),
            ("17850.0", "1" * 65, "customer_too_long"),
            ("536365", "5" * 65, "order_number_too_long"),
            ("HEART", "HE\0ART", "control_character"),
        ],
    )
    def test_a_hostile_value_costs_its_line_only_and_is_kept_as_it_stands(
        self, tmp_path, old, new, code
    ):
        bad = GOOD.replace(old, new)
        batch = run(written(tmp_path, f"{HEADER}\n{bad}\n{GOOD}\n"))

        row = RefusedRow.objects.get()
        assert (batch.lines, batch.new, batch.refused) == (2, 1, 1)
        assert (row.line_number, row.code, row.raw) == (2, code, bad.replace("\0", "\u2400"))
        assert_totals_are_exact()

    def test_contacts_of_unknown_customers_that_stand_twice_are_counted_once_each(self, tmp_path):
        path = written(
            tmp_path,
            "external_id,customer_code,occurred_at,channel\n" + "e1,nobody,2024-01-01,email\n" * 3,
        )
        call_command("import_contacts", str(path), stdout=io.StringIO())
        batch = ImportBatch.objects.latest("id")
        assert (batch.lines, batch.refused) == (3, 3)
        assert not ContactEvent.objects.exists()
