"""Customers as they stood at the end of a day: histories, features of the logistic model, and the
plain scores that every model has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.scoring.clv_histories import FloatArray, Histories, IntArray
from analytics.scoring.clv_ledger import Days, Ledger

RECENT = (14, 30, 60, 90, 180, 365)
"""Days before the described one in which purchase days are counted."""

_GRACE = 3.0
"""Days added to gaps and silences, so that one day more or less means little to daily buyers."""

FEATURES = (
    "repeat purchases",
    "the same, squared",
    "weeks since the last purchase",
    "the same, squared",
    "repeat purchases x weeks since the last",
    "weeks since the last purchase, repeat buyers",
    "days since the last purchase",
    "weeks since the first purchase",
    "weeks since the first purchase, repeat buyers",
    "purchases a week",
    "silence against the mean gap",
    "silence against the median gap",
    "the same, squared",
    "bought again",
    "money of all purchases",
    "money of a purchase",
    *(f"purchases in {days} days" for days in RECENT),
)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Everything that is known of the customers at the end of ``day``; arrays are aligned.

    ``customers``: keys, ascending. ``money``: sales less returns so far. ``features``: one column
    for each of FEATURES. ``scores``: plain orders of the customers, higher is likelier to buy:
    ``recency``, ``frequency``, ``money`` and ``score_sum`` (R + F + M by fifths).
    """

    day: int
    customers: IntArray
    h: Histories
    money: FloatArray
    features: FloatArray
    scores: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.customers)


def snapshot(ledger: Ledger, day: int) -> Snapshot:
    """Return the customers with a purchase up to the end of ``day``.

    >>> book = Ledger.of([7, 7, 8], [1, 8, 20], [1, 1, 1], [5., 7., 9.])
    >>> then = snapshot(book, 10)
    >>> then.customers.tolist(), then.h.x.tolist(), then.features.shape[1] == len(FEATURES)
    ([7], [1.0], True)
    """
    days = ledger.known(day)
    customers, h = days.histories()
    owner = np.searchsorted(customers, days.customer)
    since = ledger.first_day() if len(ledger) else day
    # Not from the purchase days: a return before the first of them is money too.
    _, money = ledger.later(customers, since - 1, day - since + 1)
    scores = {
        "recency": h.t_x - h.T,
        "frequency": h.x,
        "money": money,
    }
    if len(customers):
        scores["score_sum"] = sum((_fifths(score) for score in scores.values()), np.zeros(len(h)))
    return Snapshot(day, customers, h, money, _features(days, owner, h, money), scores)


def _features(days: Days, owner: IntArray, h: Histories, money: FloatArray) -> FloatArray:
    """Return the columns of FEATURES; counts, times and money as logarithms."""
    silence, again = h.T - h.t_x, h.x > 0
    mean_gap = np.where(again, h.t_x / np.maximum(h.x, 1), h.T)
    gap = _median_gaps(days, owner, h)
    overdue = np.log((silence * 7 + _GRACE) / (gap + _GRACE))
    often, silent, age = np.log1p(h.x), np.log1p(silence), np.log1p(h.T)
    spent = np.maximum(money, 0)
    columns = [
        often,
        often**2,
        silent,
        silent**2,
        often * silent,
        silent * again,
        np.log1p(silence * 7),
        age,
        age * again,
        np.log1p(h.x / np.maximum(h.T, 1)),
        np.log1p(silence / np.maximum(mean_gap, 1 / 7)),
        overdue,
        overdue**2,
        again.astype(np.float64),
        np.log1p(spent),
        np.log1p(spent / (h.x + 1)),
    ]
    for back in RECENT:
        inside = owner[days.day > days.as_of - back]
        columns.append(np.log1p(np.bincount(inside, minlength=len(h))))
    return np.column_stack(columns)


def _median_gaps(days: Days, owner: IntArray, h: Histories) -> FloatArray:
    """Return the median days between purchases; days since the first where there was one only."""
    median: FloatArray = np.maximum(h.T * 7, 1.0)
    same = owner[1:] == owner[:-1]
    gaps, whose = np.diff(days.day)[same], owner[1:][same]
    order = np.lexsort((gaps, whose))
    gaps, whose = gaps[order], whose[order]
    found, begin, count = np.unique(whose, return_index=True, return_counts=True)
    middle = (gaps[begin + (count - 1) // 2] + gaps[begin + count // 2]) / 2
    median[found] = np.maximum(middle, 1.0)
    return median


def _fifths(values: FloatArray) -> FloatArray:
    """Return 1 to 5 by the shop's own fifths; equal values alike."""
    cuts = np.quantile(values, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf")
    fifth: FloatArray = 1.0 + np.searchsorted(cuts, values, side="left").astype(np.float64)
    return fifth
