"""Files as they come: packed, encoded, cut off, damaged, with lines that are none."""

import gzip
import lzma

import pytest

from customers.importers.errors import InputError
from customers.models import ImportBatch
from customers.selectors.imports import refused_csv
from orders.models import Order, Product
from tests.orders.order_files import GOOD, HEADER, batch_of, counts, take

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]


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
