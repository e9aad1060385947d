"""Columns over time as shapes of an SVG: numbers in, path texts out, nothing else."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crm_project.common.charts.scale import short

__all__ = ["HEIGHT", "WIDTH", "Axis", "area", "axis_for", "bars", "line", "short"]

WIDTH, HEIGHT = 600, 100
"""The drawing's own units; the page stretches it."""

SMALLEST_TOP = 4
"""The axis of a quiet hour: one event a minute must not look like a flood."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What a panel's height means. ``top`` is a round number at or above every value."""

    top: int

    @property
    def labels(self) -> tuple[str, str]:
        return short(self.top), short(self.top // 2)


def axis_for(values: Iterable[int]) -> Axis:
    """Return the axis that holds all values.

    >>> [axis_for([value]).top for value in (0, 7, 11, 240, 90_001)]
    [4, 8, 20, 400, 100000]
    """
    most = max(values, default=0)
    step = 1
    while True:
        for top in (2 * step, 4 * step, 8 * step, 10 * step):
            if top >= max(most, SMALLEST_TOP):
                return Axis(top)
        step *= 10


def line(values: Sequence[int | None], axis: Axis) -> str:
    """Return the path through the middle of each minute; a gap where nothing is known.

    >>> line([0, 4], Axis(4))
    'M150.0 100.0L450.0 0.0'
    """
    points = _points(values, axis)
    parts, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        parts.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    return "".join(parts)


def area(values: Sequence[int | None], axis: Axis) -> str:
    """Return the closed shape between the line and the ground.

    >>> area([0, 4], Axis(4))
    'M150.0 100V100.0L450.0 0.0V100Z'
    """
    shapes: list[str] = []
    run: list[tuple[float, float]] = []
    for point in [*_points(values, axis), None]:
        if point is not None:
            run.append(point)
        elif run:
            tops = "L".join(f"{x:.1f} {y:.1f}" for x, y in run[1:])
            rest = f"L{tops}" if tops else ""
            shapes.append(f"M{run[0][0]:.1f} {HEIGHT}V{run[0][1]:.1f}{rest}V{HEIGHT}Z")
            run = []
    return "".join(shapes)


def bars(values: Sequence[int], axis: Axis, *, least: int = 0) -> str:
    """Return one path with a bar for each minute that has any, at least ``least`` units high.

    >>> bars([0, 4], Axis(4))
    'M345.0 100V0.0h210.0V100Z'
    """
    slot = WIDTH / max(len(values), 1)
    height = _height(axis)
    top = HEIGHT - least
    return "".join(
        f"M{slot * (place + 0.15):.1f} {HEIGHT}V{min(height(value), top):.1f}h{slot * 0.7:.1f}"
        f"V{HEIGHT}Z"
        for place, value in enumerate(values)
        if value
    )


def _points(values: Sequence[int | None], axis: Axis) -> list[tuple[float, float] | None]:
    slot = WIDTH / max(len(values), 1)
    height = _height(axis)
    return [
        None if value is None else (slot * (place + 0.5), height(value))
        for place, value in enumerate(values)
    ]


def _height(axis: Axis) -> Callable[[int], float]:
    return lambda value: HEIGHT - HEIGHT * min(value, axis.top) / axis.top
