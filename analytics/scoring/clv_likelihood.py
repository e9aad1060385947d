"""The likelihoods of BG/NBD, MBG/NBD and NBD with their gradients, written as few passes.

All but the odds of having left depends on the count or on the age alone. Those parts are summed
once per different count and age, so that one evaluation on hundreds of thousands of different
histories takes a logistic function of each and little else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray, Histories, IntArray

Kind = Literal["bg", "mbg"]


@dataclass(frozen=True, slots=True)
class _Sums:
    """What of the histories never changes while parameters are sought.

    ``by_count[x]``, ``by_age[k]``: weights of the entries with that count, of the k-th age;
    ``repeats_by_age``: the same times the count. ``age_of``, ``last_of``: places of each entry's
    T and t_x in ``ages`` and ``lasts``.
    """

    weight: FloatArray
    count: IntArray
    by_count: FloatArray
    ages: FloatArray
    age_of: IntArray
    by_age: FloatArray
    repeats_by_age: FloatArray
    lasts: FloatArray
    last_of: IntArray

    @classmethod
    def of(cls, h: Histories) -> _Sums:
        weight, count = h.weight(), h.x.astype(np.int64)
        ages, age_of = np.unique(h.T, return_inverse=True)
        lasts, last_of = np.unique(h.t_x, return_inverse=True)
        return cls(
            weight,
            count,
            np.bincount(count, weights=weight).astype(np.float64),
            ages,
            age_of,
            np.bincount(age_of, weights=weight).astype(np.float64),
            np.bincount(age_of, weights=weight * h.x).astype(np.float64),
            lasts,
            last_of,
        )


_sums: WeakKeyDictionary[Histories, _Sums] = WeakKeyDictionary()


def _sums_of(h: Histories) -> _Sums:
    if h not in _sums:
        _sums[h] = _Sums.of(h)
    return _sums[h]


def log_likelihood(kind: Kind, params: FloatArray, h: Histories) -> tuple[float, FloatArray]:
    """Return the weighted log-likelihood and its gradient by the natural parameters r, alpha, a, b.

    >>> h = Histories.of(x=[0, 2], t_x=[0, 10], T=[30, 30])
    >>> value, gradient = log_likelihood("mbg", np.array([.5, 6., .9, 1.6]), h)
    >>> round(value, 4), gradient.round(3).tolist()
    (-8.7291, [0.653, -0.014, 0.064, 0.06])
    """
    r, alpha, a, b = params
    sums = _sums_of(h)
    x = np.arange(len(sums.by_count))
    n = x + 1 if kind == "mbg" else x
    value, by_r, by_alpha = _purchases(r, alpha, sums)
    total, per_count = sums.by_count.sum(), sums.by_count
    value += per_count @ (scipy.special.gammaln(b + n) - scipy.special.gammaln(a + b + n))
    value += total * (scipy.special.gammaln(a + b) - scipy.special.gammaln(b))
    by_a = total * scipy.special.psi(a + b) - per_count @ scipy.special.psi(a + b + n)
    by_b = by_a + per_count @ scipy.special.psi(b + n) - total * scipy.special.psi(b)
    # Nobody has left who had no chance to; the rest is one logistic function of each history.
    chance = np.where(n > 0, b + n - 1, 1.0)
    start = np.where(n > 0, np.log(a) - np.log(chance), -np.inf)
    log_ratio = np.log(alpha + sums.ages)[sums.age_of] - np.log(alpha + sums.lasts)[sums.last_of]
    power = r + h.x
    log_odds = start[sums.count] + power * log_ratio
    value += sums.weight @ np.logaddexp(0.0, log_odds)
    left = sums.weight * scipy.special.expit(log_odds)
    closer = (1 / (alpha + sums.ages))[sums.age_of] - (1 / (alpha + sums.lasts))[sums.last_of]
    by_r += left @ log_ratio
    by_alpha += (left * power) @ closer
    by_a += left.sum() / a
    by_b -= left @ (1 / chance)[sums.count]
    return float(value), np.array([by_r, by_alpha, by_a, by_b])


def nbd_log_likelihood(params: FloatArray, h: Histories) -> tuple[float, FloatArray]:
    """Return the same for a model in which nobody ever leaves (parameters r, alpha)."""
    value, by_r, by_alpha = _purchases(params[0], params[1], _sums_of(h))
    return float(value), np.array([by_r, by_alpha])


def _purchases(r: float, alpha: float, sums: _Sums) -> tuple[float, float, float]:
    """Return value and gradient of purchases at a rate of Gamma(r, alpha), all still active."""
    x, to_now = np.arange(len(sums.by_count)), alpha + sums.ages
    total, log_now = sums.by_count.sum(), np.log(to_now)
    value = (
        sums.by_count @ scipy.special.gammaln(r + x)
        - total * scipy.special.gammaln(r)
        + total * r * np.log(alpha)
    )
    value -= (r * sums.by_age + sums.repeats_by_age) @ log_now
    by_r = (
        sums.by_count @ scipy.special.psi(r + x)
        - total * scipy.special.psi(r)
        + total * np.log(alpha)
    )
    by_r -= sums.by_age @ log_now
    by_alpha = total * r / alpha - (r * sums.by_age + sums.repeats_by_age) @ (1 / to_now)
    return value, by_r, by_alpha
