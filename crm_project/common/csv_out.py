"""The one writer of CSV files that people open in a spreadsheet.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``; one that is set to another
separator than the comma splits our cells at semicolons, tabs and line breaks, and runs what then
begins with one of these. In each such place an apostrophe goes in front, behind any blanks and
quotes; a cell that begins with a tab or a line break gets one too. Apostrophes that stood there
already stay, which makes the way back (``restore``) exact. Numbers stay numbers.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

Cell = str | int | float | Decimal | date | datetime | None
_SKIPPED = r"(?:[^\S\t\r\n]|['\"])*"
_BEGINNING = rf"\A{_SKIPPED}"
_WITHIN = rf"[;\t\r\n]{_SKIPPED}"
_RUNS = re.compile(rf"(?:{_BEGINNING}(?=[=+\-@\t\r\n])|{_WITHIN}(?=[=+\-@]))")
_STOPPED = re.compile(rf"({_BEGINNING})'(?=[=+\-@\t\r\n])|({_WITHIN})'(?=[=+\-@])")


def safe(value: Cell) -> str:
    """Return the text of a cell that no spreadsheet takes for a formula.

    >>> safe("=1+1"), safe("x;=1+1"), safe(Decimal("-2.50")), safe(None)
    ("'=1+1", "x;'=1+1", '-2.50', '')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _RUNS.sub(r"\g<0>'", value)
    if isinstance(value, date):  # also a datetime
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def restore(cell: str) -> str:
    """Return the text that ``safe`` was given.

    >>> restore(safe("'=x;-1")), restore("'tis")
    ("'=x;-1", "'tis")
    """
    return _STOPPED.sub(r"\1\2", cell)


def rows(header: Sequence[str], body: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the lines of a CSV file (UTF-8 by whoever encodes it), the header first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([safe(name) for name in header])
    yield buffer.getvalue()
    for row in body:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([safe(cell) for cell in row])
        yield buffer.getvalue()
