"""A table of counts as a heat map: each cell's share of its row, coloured by what is unusual.

The colour is the adjusted residual (Haberman 1973): how many standard errors a cell has more or
less than if rows and columns had nothing to do with each other. Beyond about 2 it is unlikely to be
chance. An arrow says the same as the colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from crm_project.common.charts.scale import Described, Table, written

LIMITS = (2.0, 5.0, 20.0)
"""Residuals from which a cell is a little, clearly, and very much out of the ordinary."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Customers of both groups. ``tone`` is -3 (far fewer than chance) to 3 (far more)."""

    count: int
    share: float
    residual: float | None
    tone: int
    words: str

    @property
    def shown(self) -> str:
        """The count with thousands separators."""
        return f"{self.count:,}"

    @property
    def percent(self) -> str:
        """The share of the row for a small cell: whole percent, ``<1 %`` for a trace."""
        if self.count and self.share < 0.005:
            return "<1 %"
        return f"{100 * self.share:.0f} %"

    @property
    def arrow(self) -> str:
        """The sign of an unusual cell, for those who do not see the colour."""
        return "▲" if self.tone > 0 else "▼" if self.tone < 0 else ""

    @property
    def look(self) -> str:
        """The class that colours it."""
        side = "p" if self.tone > 0 else "m"
        return f"crm-res-{side}{abs(self.tone)}" if self.tone else "crm-res-0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat(Described):
    """Rows (name, size, cells) and columns (name, size); empty groups are left out."""

    row_title: str
    column_title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]
    total: int

    @property
    def empty(self) -> bool:
        return not self.total


def adjusted_residual(count: int, row: int, column: int, total: int) -> float | None:
    """Return by how many standard errors a count differs from independence; None if it must be so.

    >>> round(adjusted_residual(30, 50, 40, 100), 2)
    4.08
    >>> adjusted_residual(50, 50, 100, 100) is None
    True
    """
    if not total:
        return None
    expected = row * column / total
    variance = expected * (1 - row / total) * (1 - column / total)
    return (count - expected) / sqrt(variance) if variance > 0 else None


def heat(
    key: str,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    row_title: str,
    column_title: str,
) -> Heat:
    """Return the map of a table of counts, ``counts[row][column]``.

    >>> found = heat("h", "Two", ["a", "b"], ["x", "y"], [[30, 20], [10, 40]],
    ...              row_title="left", column_title="right")
    >>> cell = found.rows[0][2][0]
    >>> cell.percent, cell.arrow, cell.look
    ('60 %', '▲', 'crm-res-p1')
    """
    sizes = [sum(row) for row in counts]
    widths = [sum(column) for column in zip(*counts, strict=True)] if counts else []
    total = sum(sizes)
    kept = [place for place, size in enumerate(widths) if size]
    shown = tuple(
        (
            name,
            f"{size:,}",
            tuple(
                _cell(name, columns[place], row[place], size, widths[place], total)
                for place in kept
            ),
        )
        for name, row, size in zip(rows, counts, sizes, strict=True)
        if size
    )
    return Heat(
        key=key,
        title=title,
        description=f"Customers by {row_title} (rows) and {column_title} (columns), {total:,} in "
        "all, with the share of the row. Coloured cells hold more or fewer customers than if the "
        "two had nothing to do with each other.",
        table=_table(shown, [columns[place] for place in kept], row_title),
        row_title=row_title,
        column_title=column_title,
        columns=tuple((columns[place], f"{widths[place]:,}") for place in kept),
        rows=shown,
        total=total,
    )


def _cell(row: str, column: str, count: int, size: int, width: int, total: int) -> Cell:
    residual = adjusted_residual(count, size, width, total)
    tone = 0
    if residual is not None:
        tone = sum(abs(residual) >= limit for limit in LIMITS) * (1 if residual > 0 else -1)
    share = count / size
    more = {True: ", more than by chance", False: ", fewer than by chance"}
    words = (
        f"{row} and {column}: {count:,} customers, {written(share, 'share')} of the row"
        f"{more[tone > 0] if tone else ''}"
    )
    if residual is not None:
        words += f" (residual {written(residual)})"
    return Cell(count, share, residual, tone, words)


def _table(
    rows: Sequence[tuple[str, str, tuple[Cell, ...]]], columns: Sequence[str], row_title: str
) -> Table:
    """Return every cell as a row of its own: that is what a screen reader follows."""
    lines = tuple(
        (name, column, cell.shown, written(cell.share, "share"), written(cell.residual))
        for name, _, cells in rows
        for column, cell in zip(columns, cells, strict=True)
        if cell.count
    )
    head = (row_title.capitalize(), "And", "Customers", "Share of the row", "Adjusted residual")
    return Table(head, lines)
