"""Axes with round numbers, and how numbers are written on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from typing import Literal

Unit = Literal["share", "number", "money", "points"]
"""How a number is written: 0.25 as ``25 %``, ``0.25``, ``£0.25`` by the page, or ``0.3`` points."""

NOT_KNOWN = "\N{EN DASH}"
STEPS = (1, 2, 2.5, 5, 10)
_PLACES = 2
_SLACK = 1e-9
_FLAT = 1e-6
"""Values that differ by less are the same to a reader."""


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart as texts: one head, rows of the same length."""

    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What every chart says besides its shapes. ``key`` is unique on the page."""

    key: str
    title: str
    description: str
    table: Table = field(default_factory=Table)


@dataclass(frozen=True, slots=True)
class Tick:
    """A round number of an axis: its place in percent, and how it is written."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Scale:
    """What the width or height of a drawing means, from ``low`` (0 %) to ``high`` (100 %)."""

    low: float
    high: float
    step: float
    unit: Unit = "number"

    def at(self, value: float) -> float:
        """Return the place of a value in percent, never outside the drawing."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), _PLACES)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The round numbers from low to high."""
        first, last = ceil(self.low / self.step - _SLACK), floor(self.high / self.step + _SLACK)
        values = [number * self.step for number in range(first, last + 1)]
        return tuple(Tick(self.at(value), self._tick(value)) for value in values)

    def _tick(self, value: float) -> str:
        if self.unit == "share":
            places = max(0, -floor(log10(self.step * 100) + _SLACK))
            if places == 0 and self.step * 100 % 1 > _SLACK:
                places = 1
            return f"{100 * value + 0.0:,.{places}f} %"
        return short(round(value, 9))


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are numbers.

    >>> known([1, None, float("nan"), float("inf")])
    [1.0]
    """
    return [float(value) for value in values if value is not None and isfinite(value)]


def scale(
    values: Iterable[float | None],
    *,
    unit: Unit = "number",
    low: float | None = None,
    high: float | None = None,
    most: int = 5,
) -> Scale:
    """Return an axis of round numbers that holds all values.

    ``low`` and ``high`` are kept as they are where given, without rounding; ``most`` is how many
    intervals there may be.

    >>> scale([3, 47]).high, [tick.words for tick in scale([0, 0.31], unit="share").ticks]
    (50, ['0 %', '10 %', '20 %', '30 %', '40 %'])
    >>> scale([-3, 8], low=None).low
    -5
    """
    found = known(values)
    bottom = min([0.0, *found]) if low is None else low
    top = max([0.0, bottom, *found] if low is None else [bottom, *found]) if high is None else high
    if top - bottom < _FLAT:
        top = bottom + 1
    step = _step((top - bottom) / most)
    return Scale(
        low=_clean(floor(bottom / step + _SLACK) * step) if low is None else low,
        high=_clean(ceil(top / step - _SLACK) * step) if high is None else top,
        step=step,
        unit=unit,
    )


def _step(least: float) -> float:
    size = 10.0 ** floor(log10(least))
    return next(_clean(factor * size) for factor in STEPS if factor * size >= least * (1 - _SLACK))


def _clean(value: float) -> float:
    """Take the dust of binary fractions off; whole numbers become whole."""
    value = round(value, 9)
    return int(value) if value == int(value) else value


def written(value: float | None, unit: Unit = "number") -> str:
    """Write a value of a table or a label; a dash for what is not known.

    >>> [written(value, "points") for value in (4.26, 67)]
    ['4.3', '67.0']
    >>> [written(value) for value in (0.0634, 12.5, 1234.0)], written(0.1234, "share")
    (['0.063', '12.5', '1,234'], '12.3 %')
    >>> written(None) == written(float("nan")) == NOT_KNOWN
    True
    """
    if value is None or not isfinite(value):
        return NOT_KNOWN
    if unit == "share":
        text = f"{abs(100 * value):,.1f}"
        return f"{_sign(value, text)}{text} %"
    size = abs(value)
    if unit == "points":
        text = f"{size:,.1f}"
        return f"{_sign(value, text)}{text}"
    places = 0 if size == int(size) or size >= 100 else 3 if size < 10 else 1
    text = f"{size:,.{places}f}"
    return f"{_sign(value, text)}{text}"


def _sign(value: float, text: str) -> str:
    # What rounds to nothing has no sign.
    return "\N{MINUS SIGN}" if value < 0 and any(digit in "123456789" for digit in text) else ""


def short(number: float) -> str:
    """Return a number for an axis or a tile.

    >>> [short(value) for value in (0, 999, 1_250, 40_000, 2_000_000)]
    ['0', '999', '1.25k', '40k', '2M']
    """
    sign, size = ("\N{MINUS SIGN}", -number) if number < 0 else ("", number)
    for unit_size, unit in ((1_000_000_000, "bn"), (1_000_000, "M"), (1_000, "k")):
        if size >= unit_size:
            return f"{sign}{size / unit_size:.3g}{unit}"
    return f"{sign}{size:.3g}"


def joined(points: Sequence[tuple[float, float] | None]) -> str:
    """Return the path through the points, with a gap wherever there is None.

    >>> joined([(0, 1), (2, 3.5), None, (4, 5)])
    'M0 1L2 3.5M4 5'
    """
    parts, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        parts.append(f"{pen}{point[0]:g} {point[1]:g}")
        pen = "L"
    return "".join(parts)
