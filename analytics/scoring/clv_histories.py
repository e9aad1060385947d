"""What the models of buying need to know of each customer: three numbers of time and one of money.

All times are in weeks (days / 7): smaller numbers keep powers such as ``(alpha + T) ** -(r + x)``
inside the range of a float. Several orders of one day count as one purchase.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_DAY = 1 / 7
_SAME = 1e-9
"""Weeks by which a whole number of days may be off, as a float."""

_PLACES = 1 << 20
"""Counts and days below this fit into one 64-bit number together."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Histories:
    """One entry per customer with at least one purchase; every array has the same length.

    ``x``: purchase days after the first one. ``t_x``: weeks from the first to the last purchase
    day (0 when there is only one). ``T``: weeks from the first purchase day to the described day.
    ``m``: mean money of a repeat purchase day, net of returns; NaN where there is none.
    ``weights``: how many customers an entry stands for (None: one each).

    >>> h = Histories.of(x=[0, 2], t_x=[0, 10], T=[30, 30])
    >>> len(h), int(h.x.sum())
    (2, 2)
    """

    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    m: FloatArray
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.t_x) == len(self.T) == len(self.m):
            raise ValueError("The arrays of the histories have different lengths.")
        columns = (self.x, self.t_x, self.T)
        if not all(bool(np.isfinite(column).all()) for column in columns):
            raise ValueError("A history has a time or a count that is not a number.")
        wrong = (self.x < 0) | (self.t_x < 0) | (self.t_x > self.T + 1e-9)
        wrong |= (self.x == 0) & (self.t_x > 0)
        if wrong.any():
            raise ValueError(f"{int(wrong.sum())} histories are impossible (see Histories).")

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def of(
        cls,
        *,
        x: npt.ArrayLike,
        t_x: npt.ArrayLike,
        T: npt.ArrayLike,  # noqa: N803 - the name in every paper about these models
        m: npt.ArrayLike | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> Histories:
        """Return histories from anything that numpy can read as numbers."""
        count = np.asarray(x, np.float64)
        return cls(
            count,
            np.asarray(t_x, np.float64),
            np.asarray(T, np.float64),
            np.full(len(count), np.nan) if m is None else np.asarray(m, np.float64),
            None if weights is None else np.asarray(weights, np.float64),
        )

    def weight(self) -> FloatArray:
        """Return how many customers each entry stands for."""
        return np.ones(len(self)) if self.weights is None else self.weights

    def grouped(self) -> tuple[Histories, IntArray]:
        """Return each different (x, t_x, T) once, with its weight, and the group of every entry.

        The likelihood depends on nothing else, so a million customers shrink to some thousands.
        ``m`` is not kept.

        >>> h = Histories.of(x=[1, 0, 1], t_x=[5, 0, 5], T=[9, 9, 9])
        >>> small, group = h.grouped()
        >>> small.weight().tolist(), group.tolist()
        ([1.0, 2.0], [1, 0, 1])
        """
        if self not in _grouped:
            # Fitting and predicting both ask for it; sorting a million customers takes a while.
            _grouped[self] = self._group()
        return _grouped[self]

    def _group(self) -> tuple[Histories, IntArray]:
        order = self._order()
        columns = [column[order] for column in (self.x, self.t_x, self.T)]
        first = np.ones(len(order), dtype=bool)
        first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
        number = np.cumsum(first) - 1
        group = np.empty(len(order), dtype=np.int64)
        group[order] = number
        x, t_x, age = (column[first] for column in columns)
        weights = np.bincount(group, weights=self.weight(), minlength=len(x))
        return Histories(x, t_x, age, np.full(len(x), np.nan), weights.astype(np.float64)), group

    def _order(self) -> IntArray:
        """Return the places sorted by x, then t_x, then T; whole days are sorted as one number."""
        last, age = np.rint(self.t_x / _DAY), np.rint(self.T / _DAY)
        whole = np.abs(last * _DAY - self.t_x).max(initial=0.0) < _SAME
        whole &= np.abs(age * _DAY - self.T).max(initial=0.0) < _SAME
        if not whole or max(self.x.max(initial=0), age.max(initial=0)) >= _PLACES:
            return np.lexsort((self.T, self.t_x, self.x))
        key = (self.x * _PLACES + last).astype(np.int64) * _PLACES + age.astype(np.int64)
        return np.argsort(key)


_grouped: WeakKeyDictionary[Histories, tuple[Histories, IntArray]] = WeakKeyDictionary()


def thinned(h: Histories, entries: int = 3_000) -> Histories:
    """Return about ``entries`` of the entries, evenly chosen; for a first, coarse search."""
    step = slice(None, None, max(1, len(h) // entries))
    weights = None if h.weights is None else h.weights[step]
    return Histories(h.x[step], h.t_x[step], h.T[step], h.m[step], weights)


def histories_from_orders(
    customer: npt.ArrayLike, day: npt.ArrayLike, value: npt.ArrayLike, *, as_of: int
) -> tuple[IntArray, Histories]:
    """Return the customers (ascending) and their histories up to the end of day ``as_of``.

    ``day`` and ``as_of`` are whole day numbers (for instance ``date.toordinal()``); ``value`` is
    the money of the order, net of returns. Orders after ``as_of`` have no influence.

    >>> who, h = histories_from_orders([7, 7, 7, 9], [1, 15, 15, 8], [10, 4, 6, 5], as_of=15)
    >>> who.tolist(), h.x.tolist(), h.t_x.tolist(), h.T.tolist(), h.m.tolist()
    ([7, 9], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [10.0, nan])
    """
    who, when = np.asarray(customer, np.int64), np.asarray(day, np.int64)
    money = np.asarray(value, np.float64)
    known = when <= as_of
    who, when, money = who[known], when[known], money[known]
    order = np.lexsort((when, who))
    who, when, money = who[order], when[order], money[order]
    fresh = np.ones(len(who), dtype=bool)
    fresh[1:] = (who[1:] != who[:-1]) | (when[1:] != when[:-1])
    starts = np.flatnonzero(fresh)
    money = np.add.reduceat(money, starts) if len(starts) else money
    return histories_of_days(who[starts], when[starts], money, as_of)


def histories_of_days(
    who: IntArray, when: IntArray, money: FloatArray, as_of: int
) -> tuple[IntArray, Histories]:
    """Return customers and histories from sorted, distinct (customer, day)."""
    customers, begin, days = np.unique(who, return_index=True, return_counts=True)
    x = (days - 1).astype(np.float64)
    first, last = when[begin], when[begin + days - 1]
    owner = np.repeat(np.arange(len(customers)), days)
    total = np.bincount(owner, weights=money, minlength=len(customers)) - money[begin]
    mean: FloatArray = np.full(len(x), np.nan)
    np.divide(total, x, out=mean, where=x > 0)
    age = ((as_of - first) * _DAY).astype(np.float64)
    return customers, Histories(x, (last - first) * _DAY, age, mean)
