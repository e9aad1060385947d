"""Horizontal bars with intervals: how stable groups are, how models and baselines compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from crm_project.common.charts.scale import (
    NOT_KNOWN,
    Described,
    Scale,
    Table,
    Tick,
    Unit,
    scale,
    written,
)


class Bar(NamedTuple):
    """One bar: what is measured, its value and, where known, the ends of its 95 % interval.

    ``tone`` is a class of the style sheet (``crm-tone-good`` and the like); ``note`` says what the
    colour says, for those who do not see it.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    tone: str = ""
    href: str = ""


class Mark(NamedTuple):
    """A limit that all bars are judged by, drawn across them."""

    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """A bar as drawn: places in percent. ``whisker`` is the interval from and to, or None."""

    name: str
    value: str
    interval: str
    note: str
    tone: str
    href: str
    x: float
    width: float
    whisker: tuple[float, float] | None
    known: bool

    @property
    def words(self) -> str:
        """The whole row as one sentence."""
        parts = [f"{self.name}: {self.value}"]
        if self.interval:
            parts.append(f"95 % interval {self.interval}")
        if self.note:
            parts.append(self.note)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Described):
    """Everything a template needs. ``marks`` and ``ticks`` are places in percent with words."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...]
    zero: float

    @property
    def empty(self) -> bool:
        return not any(row.known for row in self.rows)


def bars(
    key: str,
    title: str,
    values: Sequence[Bar],
    *,
    unit: Unit = "number",
    start: float = 0.0,
    low: float | None = None,
    high: float | None = None,
    marks: Sequence[Mark] = (),
    description: str = "",
) -> Bars:
    """Return a row for each bar. Bars begin at ``start``: 0, or what chance would give.

    >>> found = bars("b", "AUC", [Bar("model", 0.75, 0.7, 0.8)], start=0.5, low=0.5, high=1.0)
    >>> row = found.rows[0]
    >>> row.x, row.width, row.whisker, row.words
    (0.0, 50.0, (40.0, 60.0), 'model: 0.750, 95 % interval 0.700 to 0.800')
    """
    ends = [end for bar in values for end in (bar.value, bar.low, bar.high)]
    axis = scale([start, *ends, *(mark.value for mark in marks)], unit=unit, low=low, high=high)
    rows = tuple(_row(bar, axis, start, unit) for bar in values)
    return Bars(
        key=key,
        title=title,
        description=description or ". ".join(row.words for row in rows),
        table=_table(rows),
        rows=rows,
        ticks=axis.ticks,
        marks=tuple(Tick(axis.at(mark.value), mark.words) for mark in marks),
        zero=axis.at(start),
    )


def _row(bar: Bar, axis: Scale, start: float, unit: Unit) -> Row:
    known = bar.value is not None and isfinite(bar.value)
    ends = [end for end in (bar.low, bar.high) if end is not None and isfinite(end)]
    whisker = (axis.at(min(ends)), axis.at(max(ends))) if known and len(ends) == 2 else None
    begin = axis.at(start)
    end = axis.at(bar.value) if known and bar.value is not None else begin
    return Row(
        name=bar.name,
        value=written(bar.value, unit),
        interval=f"{written(min(ends), unit)} to {written(max(ends), unit)}" if whisker else "",
        note=bar.note,
        tone=bar.tone,
        href=bar.href,
        x=min(begin, end),
        width=round(abs(end - begin), 2),
        whisker=whisker,
        known=known,
    )


def _table(rows: Sequence[Row]) -> Table:
    """Leave out columns that say nothing."""
    with_interval, with_note = any(row.interval for row in rows), any(row.note for row in rows)
    head = ("", "Value", *["95 % interval"] * with_interval, *["Note"] * with_note)
    lines = tuple(
        (row.name, row.value, *[row.interval or NOT_KNOWN] * with_interval, *[row.note] * with_note)
        for row in rows
    )
    return Table(head, lines)
