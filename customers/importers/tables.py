"""Files with one row per thing: customers, contacts, products.

An empty cell says nothing: what is stored stays as it is. So does a column that is missing.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from customers.importers.errors import Reason, Refused
from customers.importers.header import Column
from customers.importers.options import zone
from customers.importers.records import Broken, Chunk
from customers.importers.registry import Reading, Refusal, Staged
from customers.importers.values import EMPTY, Memo, code, copy_text, moment, scaled, text, unscaled

Parse = Callable[[str, Reading], str]
_YES = {"true", "t", "yes", "y", "1"}
_NO = {"false", "f", "no", "n", "0"}


@dataclass(frozen=True, slots=True)
class Field:
    """One column: how its cell is read. ``number`` columns tell the decimal mark."""

    name: str
    parse: Parse
    required: bool = False
    number: bool = False
    also: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """One shape of such files. The first field is the key."""

    fields: tuple[Field, ...]

    @property
    def columns(self) -> Sequence[Column]:
        return [Column(f.name, f.required, f.also, f.about) for f in self.fields]

    @property
    def numbers(self) -> Sequence[str]:
        return [field.name for field in self.fields if field.number]

    def parse(self, chunks: Iterator[Chunk], reading: Reading) -> Iterator[Staged]:
        """Yield rows for ``import_row``: the line, then all fields, ``NULL`` where empty."""
        parser = _RowParser(self.fields, reading)
        for chunk in chunks:
            yield parser.chunk(chunk)


class _RowParser:
    def __init__(self, fields: Sequence[Field], reading: Reading) -> None:
        self._width = reading.layout.width
        self._cells = [
            (reading.layout.place(field.name), _memo(field, reading), field.required)
            for field in fields
        ]

    def chunk(self, chunk: Chunk) -> Staged:
        staged = Staged(rows={"import_row": []})
        for number, raw, row in zip(chunk.numbers, chunk.texts, chunk.rows, strict=True):
            if not isinstance(row, Broken) and not any(cell.strip() for cell in row):
                continue
            staged.records += 1
            found = self._row(row)
            if isinstance(found, Reason):
                staged.refused.append(Refusal(number, raw, found.code, found.words))
            else:
                staged.rows["import_row"].append(f"{number}\t{found}\n")
        return staged

    def _row(self, row: list[str]) -> str | Reason:
        if isinstance(row, Broken):
            return Reason(row.code, row.words)
        if len(row) != self._width:
            words = f"The line has {len(row)} columns, the header has {self._width}."
            return Reason(
                "too_many_columns" if len(row) > self._width else "too_few_columns", words
            )
        row.append("")
        values = []
        for place, memo, required in self._cells:
            cell = row[place]
            if not required and cell.strip() in EMPTY:
                values.append(r"\N")
                continue
            value = memo[cell]
            if value is None:
                return memo.why(cell)
            values.append(value)
        return "\t".join(values)


def _memo(field: Field, reading: Reading) -> Memo[str, str]:
    return Memo(lambda raw: copy_text(field.parse(raw, reading)))


# --- How cells are read ---------------------------------------------------------------------


def a_code(name: str, limit: int = 64) -> Parse:
    """A key that must be there."""
    return lambda raw, reading: code(raw, name=name, limit=limit)


def a_text(name: str, limit: int) -> Parse:
    """Any text up to a length."""
    return lambda raw, reading: text(raw, name=name, limit=limit)


def a_choice(name: str, values: Collection[str]) -> Parse:
    """One of some words."""

    def parse(raw: str, reading: Reading) -> str:
        value = raw.strip().lower()
        if value not in values:
            known = ", ".join(values)
            raise Refused(f"bad_{name}", f"The {name} {raw[:40]!r} is not one of: {known}.")
        return value

    return parse


def a_pattern(name: str, pattern: str, words: str, limit: int) -> Parse:
    """Text of a fixed form."""

    def parse(raw: str, reading: Reading) -> str:
        value = text(raw, name=name, limit=limit)
        if not re.fullmatch(pattern, value, re.ASCII):
            raise Refused(f"bad_{name}", words)
        return value

    return parse


def a_flag(name: str) -> Parse:
    """Yes or no."""

    def parse(raw: str, reading: Reading) -> str:
        value = raw.strip().lower()
        if value not in _YES | _NO:
            raise Refused(f"bad_{name}", f"{raw[:40]!r} is neither yes nor no.")
        return "t" if value in _YES else "f"

    return parse


def a_moment(raw: str, reading: Reading) -> str:
    """A date or a moment, not in the future."""
    found = moment(
        raw,
        zone=zone(reading.time_zone),
        order=reading.options.date_order,
        latest=reading.latest,
    )
    return found.isoformat()


def an_amount(name: str) -> Parse:
    """Money, not negative, two decimal places."""

    def parse(raw: str, reading: Reading) -> str:
        value = scaled(raw, name=name, places=2, whole=12, comma=reading.comma)
        if value < 0:
            raise Refused(f"bad_{name}", f"The {name} is less than zero.")
        return unscaled(value, 2)

    return parse


def a_whole(name: str, low: int, high: int) -> Parse:
    """A whole number within a range."""

    def parse(raw: str, reading: Reading) -> str:
        value = raw.strip()
        if not re.fullmatch(r"-?\d{1,10}", value, re.ASCII) or not low <= int(value) <= high:
            raise Refused(
                f"bad_{name}", f"The {name} {raw[:40]!r} is not a whole number {low} to {high}."
            )
        return str(int(value))

    return parse


an_email = a_pattern("email", r"[^@\s]+@[^@\s]+\.[^@\s]+", "The e-mail address is not one.", 254)
a_phone = a_pattern(
    "phone", r"\+[1-9]\d{6,14}", "The phone number is not in the form +441234567890.", 16
)
