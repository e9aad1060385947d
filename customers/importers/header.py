"""Find out which column is what, and with which delimiter the file is written."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from customers.importers.errors import InputError

# More columns than any shop writes; each costs time on every line.
COLUMNS_LIMIT = 2000
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a format knows."""

    name: str
    required: bool = False
    also: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the known columns stand in this file."""

    width: int
    places: Mapping[str, int]
    unknown: tuple[str, ...]

    def place(self, name: str) -> int:
        """Return the column's place; behind the last one (a cell added there) if it is missing."""
        return self.places.get(name, self.width)


def plain(name: str) -> str:
    """Return a column name without what people write differently.

    >>> plain(" Customer_ID ")
    'customerid'
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find_columns(cells: Sequence[str], columns: Iterable[Column]) -> Layout:
    """Match the cells of the header with the columns of a format.

    Raises:
        InputError: a required column is missing, or a column stands twice; names all of them.
            Or there are more than ``COLUMNS_LIMIT``.
    """
    if len(cells) > COLUMNS_LIMIT:
        raise InputError(
            f"The header has {len(cells):,} columns; at most {COLUMNS_LIMIT:,} are taken."
        )
    known = {plain(alias): c.name for c in columns for alias in (c.name, *c.also)}
    places: dict[str, int] = {}
    unknown, twice = [], []
    for place, cell in enumerate(cells):
        name = known.get(plain(cell))
        if name is None:
            unknown.append(cell.strip()[:60])
        elif name in places:
            twice.append(cell.strip())
        else:
            places[name] = place
    if missing := [c.name for c in columns if c.required and c.name not in places]:
        raise InputError(
            f"The file lacks the {_columns(missing)}. Its header says: "
            f"{', '.join(cell.strip()[:60] for cell in cells[:40])}."
        )
    if twice:
        raise InputError(f"The header names the {_columns(twice[:40])} twice.")
    return Layout(len(cells), places, tuple(filter(None, unknown)))


def guess_delimiter(line: str, columns: Iterable[Column]) -> str:
    """Return the delimiter under which the header names most known columns; a comma if none."""
    known = {plain(alias) for c in columns for alias in (c.name, *c.also)}

    def found(delimiter: str) -> int:
        try:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            return 0
        return len({plain(cell) for cell in cells} & known)

    return max(DELIMITERS.values(), key=found)


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names)}"
