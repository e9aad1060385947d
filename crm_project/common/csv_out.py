"""The one writer of CSV files that people open in a spreadsheet.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break. Such
text gets an apostrophe in front; so does text that begins with apostrophes before one of these,
which makes the way back (``restore``) exact. Numbers stay numbers.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

Cell = str | int | float | Decimal | date | datetime | None
_TRIGGER = re.compile(r"'*[=+\-@\t\r\n]")


def safe(value: Cell) -> str:
    """Return the text of a cell that no spreadsheet takes for a formula.

    >>> safe("=1+1"), safe(Decimal("-2.50")), safe(None)
    ("'=1+1", '-2.50', '')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if _TRIGGER.match(value) else value
    if isinstance(value, date):  # also a datetime
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def restore(cell: str) -> str:
    """Return the text that ``safe`` was given.

    >>> restore(safe("'=x")), restore("'tis")
    ("'=x", "'tis")
    """
    return cell[1:] if cell.startswith("'") and _TRIGGER.match(cell) else cell


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
