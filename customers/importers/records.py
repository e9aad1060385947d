"""Cut lines into records. A line that breaks the CSV rules is set aside, the rest is read on.

The usual block, where each record is one line, goes through ``csv.reader`` at once. Only a block
with a quoted line break, or with a lone quote, is read record by record.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from customers.importers.errors import InputError
from customers.importers.lines import TooLong

# A lone quote would make the rest of the file one record: after so many lines it is one.
RECORD_LINES = 100
# What is given on at once, so that records which run over every block's end do not pile up.
CHUNK_RECORDS = 20_000


class Broken(list[str]):
    """A record that cannot be cut into cells. It has no cells."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__()
        self.code, self.words = code, words


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records with the number of their first line in the file and their text there."""

    numbers: Sequence[int]
    texts: Sequence[str]
    rows: Sequence[list[str]]


class _Swallowed(Exception):  # noqa: N818 - internal signal
    """More lines than one record may have."""


class RecordReader:
    """Records of one file. ``first`` gives the header, iterating gives the rest."""

    def __init__(self, lines: Iterator[list[str]], *, delimiter: str) -> None:
        self._source = lines
        self._delimiter = delimiter
        self._pending: deque[str] = deque()
        self._next = 1

    def first(self) -> list[str]:
        """Return the first record that is not blank; an empty list when there is none.

        Raises:
            InputError: it cannot be cut into cells.
        """
        while self._fill():
            number, _, row = self._one()
            if isinstance(row, Broken):
                raise InputError(f"The header (line {number}) cannot be read. {row.words}")
            if any(cell.strip() for cell in row):
                return row
        return []

    def __iter__(self) -> Iterator[Chunk]:
        while self._fill():
            yield self._fast() or self._slow()

    def _fill(self) -> bool:
        """Have lines pending, or tell that the file is at its end."""
        if not self._pending:
            self._pending.extend(next(self._source, ()))
        return bool(self._pending)

    def _fast(self) -> Chunk | None:
        lines = list(self._pending)
        if type(lines[0]) is TooLong:
            return None
        try:
            rows = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        if len(rows) != len(lines):
            return None
        numbers = range(self._next, self._next + len(lines))
        self._next += len(lines)
        self._pending.clear()
        return Chunk(numbers, lines, rows)

    def _slow(self) -> Chunk:
        """Take the pending records one by one, and no lines that were not pending at first.

        A record that runs over the end of the block brings the next block with it; the rest of
        that block is left for the next chunk.
        """
        records = []
        last = min(self._next + len(self._pending), self._next + CHUNK_RECORDS)
        while self._pending and self._next < last:
            records.append(self._one())
        numbers, texts, rows = zip(*records, strict=True)
        return Chunk(numbers, texts, rows)

    def _one(self) -> tuple[int, str, list[str]]:
        """Take one record off the pending lines (and off the file, if it goes on there)."""
        number, used = self._next, list[str]()
        row: list[str]
        try:
            row = next(csv.reader(self._feed(used), delimiter=self._delimiter, strict=True))
        except StopIteration:
            long = self._pending.popleft()
            row = Broken("line_too_long", "The line is longer than a million characters.")
            used.append(long)
        except _Swallowed:
            row = Broken("unclosed_quote", 'A quote (") is opened and never closed.')
        except csv.Error as error:
            row = _explain(error)
        if isinstance(row, Broken):
            self._pending.extendleft(reversed(used[1:]))
            del used[1:]
        self._next += len(used)
        return number, "\n".join(line.removesuffix("\r") for line in used), row

    def _feed(self, used: list[str]) -> Iterator[str]:
        while self._fill() and type(self._pending[0]) is not TooLong:
            if len(used) == RECORD_LINES:
                raise _Swallowed
            used.append(self._pending.popleft())
            yield used[-1] + "\n"


def _explain(error: csv.Error) -> Broken:
    message = str(error)
    if "unexpected end" in message:
        return Broken("unclosed_quote", 'A quote (") is opened and never closed.')
    if "field larger" in message:
        return Broken("cell_too_long", "A cell is longer than 131,072 characters.")
    return Broken("malformed", f"The line breaks the rules of CSV: {message}.")
