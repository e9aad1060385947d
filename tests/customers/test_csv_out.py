"""No cell of an export is a formula, and nothing is lost on the way back."""

import csv
import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from crm_project.common import csv_out

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
TRICKY = st.text("'=+-@\t\r\na,\"1")


@given(st.lists(TEXT | TRICKY, min_size=1))
def test_no_cell_begins_like_a_formula_and_the_way_back_is_exact(cells):
    text = "".join(csv_out.rows(["header"] * len(cells), [cells]))
    read = list(csv.reader(io.StringIO(text, newline="")))[1]

    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in read)
    assert [csv_out.restore(cell) for cell in read] == cells


def test_numbers_stay_numbers():
    text = "".join(csv_out.rows(["n", "m"], [[-5, Decimal("-1.50")], [None, 2.5]]))
    assert text == "n,m\r\n-5,-1.50\r\n,2.5\r\n"
