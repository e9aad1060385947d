"""Charts with two axes: reliability, gain, and small lines over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from math import isfinite
from typing import NamedTuple

from crm_project.common.charts.scale import (
    Described,
    Scale,
    Table,
    Tick,
    Unit,
    joined,
    scale,
    written,
)

LEAST_DOT, MOST_DOT = 6.0, 16.0
"""Pixels of the dot of the smallest and of the largest bin."""

PLAIN_DOT = 6.0
DAYS_SHOWN = 3
STYLES = 6
"""Looks that the style sheet knows; each differs in colour and in dashes."""


class Bin(NamedTuple):
    """Customers of similar prediction: mean predicted share, share that did, and how many."""

    predicted: float
    observed: float
    customers: int


class Series(NamedTuple):
    """One line over time. An unknown value makes a gap."""

    name: str
    points: Sequence[tuple[date, float | None]]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a line: place in percent from the left and the top, pixels, and what it says."""

    x: float
    y: float
    size: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its dots; ``look`` numbers its colour and dashes."""

    name: str
    look: int
    path: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """A line to compare with, like the diagonal of perfect predictions."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot(Described):
    """Everything a template needs to draw lines over two axes."""

    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    guides: tuple[Guide, ...] = ()
    lines: tuple[Line, ...] = ()

    @property
    def empty(self) -> bool:
        return not any(line.dots for line in self.lines)


def _sizes(bins: Sequence[Bin]) -> list[float]:
    """Return pixels so that a dot's area grows with its customers."""
    most = max((found.customers for found in bins), default=0) or 1
    spread = MOST_DOT - LEAST_DOT
    return [round(LEAST_DOT + spread * (found.customers / most) ** 0.5, 1) for found in bins]


def _usable(bins: Sequence[Bin]) -> list[Bin]:
    return [
        found
        for found in bins
        if isfinite(found.predicted) and isfinite(found.observed) and found.customers > 0
    ]


def reliability(key: str, title: str, bins: Sequence[Bin], *, event: str = "bought") -> Plot:
    """Return predicted shares against what happened; the diagonal is a perfect prediction.

    Dots grow with the customers behind them.

    >>> plot = reliability("r", "Purchases", [Bin(0.1, 0.2, 90), Bin(0.4, 0.4, 10)])
    >>> plot.lines[0].path, plot.guides[0].path
    ('M25 50L100 0', 'M0 100L100 0')
    >>> plot.table.rows[0]
    ('1', '90', '10.0 %', '20.0 %')
    """
    shown = sorted(_usable(bins))
    values = [value for found in shown for value in (found.predicted, found.observed)]
    axis = scale(values, unit="share", low=0.0, most=4)
    dots = tuple(
        Dot(
            x=axis.at(found.predicted),
            y=_down(axis, found.observed),
            size=size,
            words=f"{found.customers:,} customers: {written(found.predicted, 'share')} predicted, "
            f"{written(found.observed, 'share')} {event}",
        )
        for found, size in zip(shown, _sizes(shown), strict=True)
    )
    line = Line("observed", 0, joined([(dot.x, dot.y) for dot in dots]), dots)
    return Plot(
        key=key,
        title=title,
        description=f"{len(shown)} groups of customers by predicted share, from low to high, "
        f"against the share that {event}. On the diagonal both are equal; below it too much was "
        "predicted, above it too little. A larger dot stands for more customers.",
        table=_bins_table(shown, event),
        x_label="predicted",
        y_label=event,
        x_ticks=axis.ticks,
        y_ticks=_upwards(axis),
        guides=(Guide("perfect", "M0 100L100 0"),),
        lines=(line,) if dots else (),
    )


def gain(key: str, title: str, bins: Sequence[Bin], *, event: str = "bought") -> Plot:
    """Return the share of buyers reached when the best-ranked customers are chosen first.

    The lower guide is a choice at random, the upper one a perfect ranking.

    >>> plot = gain("g", "Purchases", [Bin(0.9, 0.8, 10), Bin(0.1, 0.2, 10)])
    >>> plot.lines[0].path, plot.guides[1].path
    ('M0 100L50 20L100 0', 'M0 100L50 0L100 0')
    """
    shown = sorted(_usable(bins), reverse=True)
    customers = list(accumulate((found.customers for found in shown), initial=0))
    buyers = list(accumulate((found.customers * found.observed for found in shown), initial=0.0))
    axis = Scale(0, 1, 0.25, "share")
    guides = [Guide("at random", "M0 100L100 0")]
    dots: tuple[Dot, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    if buyers[-1] > 0:
        shares = [
            (part / customers[-1], min(1.0, got / buyers[-1]))
            for part, got in zip(customers, buyers, strict=True)
        ]
        base = axis.at(buyers[-1] / customers[-1])
        guides.append(Guide("best possible", joined([(0, 100), (base, 0), (100, 0)])))
        dots = tuple(
            Dot(axis.at(part), _down(axis, got), PLAIN_DOT, _gain_words(part, got, event))
            for part, got in shares
        )
        rows = tuple(
            (written(part, "share"), written(got, "share"), f"{got / part:.2f}")
            for part, got in shares[1:]
        )
    return Plot(
        key=key,
        title=title,
        description="Customers chosen from the highest prediction down, against the share of all "
        f"who {event} that is reached so. The straight line is a choice at random.",
        table=Table(
            ("Customers chosen", f"Of those who {event}", "Times better than chance"), rows
        ),
        x_label="customers chosen, best first",
        y_label=f"of those who {event}",
        x_ticks=axis.ticks,
        y_ticks=_upwards(axis),
        guides=tuple(guides),
        lines=(Line("reached", 0, joined([(dot.x, dot.y) for dot in dots]), dots),) if dots else (),
    )


def _gain_words(part: float, got: float, event: str) -> str:
    best = f"The best {written(part, 'share')} of the customers"
    return f"{best} hold {written(got, 'share')} of those who {event}"


def lines(
    key: str,
    title: str,
    series: Sequence[Series],
    *,
    unit: Unit = "number",
    low: float | None = 0.0,
    high: float | None = None,
) -> Plot:
    """Return lines over the days of their points; the same day is the same place in each.

    >>> days = date(2026, 1, 1), date(2026, 1, 11)
    >>> plot = lines("l", "AUC", [Series("model", [(days[0], 0.5), (days[1], 1.0)])], high=1.0)
    >>> plot.lines[0].path, [tick.words for tick in plot.x_ticks]
    ('M0 50L100 0', ['1 Jan 2026', '11 Jan 2026'])
    """
    days = sorted({day for one in series for day, _ in one.points})
    axis = scale([value for one in series for _, value in one.points], unit=unit, low=low,
                 high=high)  # fmt: skip
    drawn = tuple(_line(one, look, days, axis, unit) for look, one in enumerate(series))
    described = ", ".join(one.name for one in series)
    return Plot(
        key=key,
        title=title,
        description=f"{described} over {len(days)} days." if days else "Nothing yet.",
        table=_days_table(series, days, unit),
        x_label="",
        y_label="",
        x_ticks=_day_ticks(days),
        y_ticks=_upwards(axis),
        lines=drawn,
    )


def _line(one: Series, look: int, days: Sequence[date], axis: Scale, unit: Unit) -> Line:
    places: list[tuple[float, float] | None] = []
    dots = []
    for day, value in sorted(one.points, key=lambda point: point[0]):
        if value is None or not isfinite(value):
            places.append(None)
            continue
        x, y = _day_place(day, days), _down(axis, value)
        places.append((x, y))
        words = f"{one.name}, {day:%-d %b %Y}: {written(value, unit)}"
        dots.append(Dot(x, y, PLAIN_DOT, words))
    return Line(one.name, look % STYLES, joined(places), tuple(dots))


def _day_place(day: date, days: Sequence[date]) -> float:
    """Return where a day lies between the first and the last; a single day in the middle."""
    span = (days[-1] - days[0]).days
    return round(100 * (day - days[0]).days / span, 2) if span else 50.0


def _day_ticks(days: Sequence[date]) -> tuple[Tick, ...]:
    """Name the first and the last day, and some between that are not too near each other."""
    chosen: list[Tick] = []
    apart = 100 / DAYS_SHOWN
    last = Tick(_day_place(days[-1], days), f"{days[-1]:%-d %b %Y}") if days else None
    for day in days[:-1]:
        place = _day_place(day, days)
        if last and last.at - place >= apart and (not chosen or place - chosen[-1].at >= apart):
            chosen.append(Tick(place, f"{day:%-d %b %Y}"))
    return (*chosen, last) if last else ()


def _days_table(series: Sequence[Series], days: Sequence[date], unit: Unit) -> Table:
    by_day = [dict(one.points) for one in series]
    rows = tuple(
        (f"{day:%-d %b %Y}", *(written(values.get(day), unit) for values in by_day))
        for day in reversed(days)
    )
    return Table(("Day", *(one.name for one in series)), rows)


def _bins_table(bins: Sequence[Bin], event: str) -> Table:
    rows = tuple(
        (
            str(number),
            f"{found.customers:,}",
            written(found.predicted, "share"),
            written(found.observed, "share"),
        )
        for number, found in enumerate(bins, 1)
    )
    return Table(("Group", "Customers", "Predicted", event.capitalize()), rows)


def _down(axis: Scale, value: float) -> float:
    return round(100 - axis.at(value), 2)


def _upwards(axis: Scale) -> tuple[Tick, ...]:
    return tuple(Tick(round(100 - tick.at, 2), tick.words) for tick in axis.ticks)


__all__ = ["Bin", "Dot", "Guide", "Line", "Plot", "Series", "gain", "lines", "reliability"]
