"""No cell of an export is a formula, and nothing is lost on the way back."""

import csv
import io
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_project.common import csv_out

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
TRICKY = st.text("'=+-@\t\r\n; a,\"1")
# Where a spreadsheet that is set to another separator than ours begins a cell.
CELLS = re.compile(r"[;\t\r\n]")


@given(st.lists(TEXT | TRICKY, min_size=1))
def test_no_cell_begins_like_a_formula_and_the_way_back_is_exact(cells):
    text = "".join(csv_out.rows(["header"] * len(cells), [cells]))
    read = list(csv.reader(io.StringIO(text, newline="")))[1]

    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in read)
    assert [csv_out.restore(cell) for cell in read] == cells


@given(st.lists(TEXT | TRICKY, min_size=1))
def test_no_part_of_a_file_begins_like_a_formula_where_other_separators_split_it(cells):
    text = "".join(csv_out.rows(["header"] * len(cells), [cells]))

    begun = [re.sub(r'^[\s"]+', "", part) for part in CELLS.split(text)]

    assert not any(part.startswith(("=", "+", "-", "@")) for part in begun)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("x;=HYPERLINK(1)", "x;'=HYPERLINK(1)"),
        ('x; "=1"', 'x; "\'=1"'),
        ("a\n-1", "a\n'-1"),
        ("\t=1", "'\t'=1"),
        (" =1", " '=1"),
        (";;+1;a@b", ";;'+1;a@b"),
        ("Ada; Bob - friends", "Ada; Bob - friends"),
        ("=x", "'=x"),
        ("'=x", "''=x"),
        ("'tis;'fine", "'tis;'fine"),
    ],
)
def test_an_apostrophe_stands_where_a_formula_would_begin(cell, written):
    assert csv_out.safe(cell) == written
    assert csv_out.restore(written) == cell


def test_blanks_and_quotes_without_end_are_written_in_time():
    cell = (";" + " '\"" * 1_000) * 200
    assert csv_out.restore(csv_out.safe(cell)) == cell


def test_numbers_stay_numbers():
    text = "".join(csv_out.rows(["n", "m"], [[-5, Decimal("-1.50")], [None, 2.5]]))
    assert text == "n,m\r\n-5,-1.50\r\n,2.5\r\n"
