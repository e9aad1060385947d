"""What a model may learn from at a day, called origin: the state then, and windows before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.scoring.clv_bg import Fit, fit_bg, fit_mbg
from analytics.scoring.clv_histories import FloatArray, Histories
from analytics.scoring.clv_ledger import Ledger
from analytics.scoring.clv_levels import Share, expected_rate
from analytics.scoring.clv_likelihood import Kind
from analytics.scoring.clv_snapshot import Snapshot, snapshot

STRIDE = 30
"""Days from one origin, and from one learning window, to the next."""

WINDOWS = 6
"""Learning windows of an origin."""

HISTORY = 60
"""Days of orders there must be before a learning window begins."""

CUSTOMERS = 50
"""Customers there must be when a learning window begins."""

FITTED = 3_000
"""Customers on which the models of buying are fitted in a back-test."""

_YEAR = 365


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Customers at the beginning of a window, and in how many of its days each bought."""

    before: Snapshot
    purchases: FloatArray
    money: FloatArray

    @property
    def bought(self) -> FloatArray:
        return (self.purchases > 0).astype("float64")

    @property
    def share(self) -> Share:
        return Share(float(self.bought.sum()), len(self.purchases))


class Archive:
    """Snapshots, windows and fits of one ledger, each worked out once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._first = ledger.first_day() if len(ledger) else 0
        self._snapshots: dict[int, Snapshot] = {}
        self._windows: dict[tuple[int, int], Window] = {}
        self._fits: dict[tuple[Kind, int], Fit] = {}

    def snapshot(self, day: int) -> Snapshot:
        """Return the customers at the end of ``day``."""
        if day not in self._snapshots:
            self._snapshots[day] = snapshot(self._ledger, day)
        return self._snapshots[day]

    def window(self, day: int, days: int) -> Window:
        """Return the window of the ``days`` days after ``day``."""
        if (day, days) not in self._windows:
            before = self.snapshot(day)
            found = self._ledger.later(before.customers, day, days)
            self._windows[(day, days)] = Window(before, *found)
        return self._windows[(day, days)]

    def fit(self, kind: Kind, day: int, h: Histories | None = None) -> Fit:
        """Return a model of buying, fitted on an even part of the customers of ``day``.

        ``h``: histories of all customers at ``day``, to fit on instead, the first time.
        """
        if (kind, day) not in self._fits:
            part = _even_part(self.snapshot(day).h, FITTED) if h is None else h
            # Only an earlier day may lend its answer: a later one would know too much.
            earlier = [one for other, one in self._fits if other == kind and one < day]
            near = self._fits[(kind, max(earlier))] if earlier else None
            fit = fit_mbg if kind == "mbg" else fit_bg
            self._fits[(kind, day)] = fit(part, near=near)
        return self._fits[(kind, day)]

    def has(self, day: int) -> bool:
        """Tell whether there is enough before ``day`` to learn from the days after it."""
        return day - self._first >= HISTORY and len(self.snapshot(day)) >= CUSTOMERS

    def past(self, origin: int, days: int) -> Past:
        """Return what may be learnt at ``origin`` for windows of ``days`` days."""
        starts = [origin - days - STRIDE * number for number in range(WINDOWS)]
        windows = [self.window(start, days) for start in starts if self.has(start)]
        return Past(self, origin, days, tuple(windows))


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """The view from an origin: ``windows`` all ended at or before it, newest first."""

    archive: Archive
    origin: int
    days: int
    windows: Sequence[Window]

    @property
    def now(self) -> Snapshot:
        return self.archive.snapshot(self.origin)

    def rate(self) -> float:
        """Return the share of buyers to be expected in the days after the origin."""
        starts = (self.origin - _YEAR, self.origin - _YEAR - self.days)
        year_ago = None
        if all(self.archive.has(start) for start in starts):
            then, before = (self.archive.window(start, self.days).share for start in starts)
            year_ago = then, before
        return expected_rate([one.share for one in self.windows], year_ago=year_ago)


def _even_part(h: Histories, customers: int) -> Histories:
    step = slice(None, None, max(1, -(-len(h) // customers)))
    return Histories(h.x[step], h.t_x[step], h.T[step], h.m[step])
