"""Gamma-Gamma model of the money in a purchase, and the value of the coming year.

The money of a customer's purchases is Gamma(p, nu), and nu differs between customers by
Gamma(q, v). It is assumed that money and frequency do not depend on each other. Money is net of
returns, in the shop's one currency.

Source: Fader, Hardie (2013), The Gamma-Gamma model of monetary value,
http://www.brucehardie.com/notes/025/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray, Histories
from analytics.scoring.clv_search import search

WEEKS_A_MONTH = 365.25 / 12 / 7

_STARTS = ((1.0, 1.0, 1.0), (6.0, 4.0, 15.0), (2.0, 2.0, 100.0), (20.0, 3.0, 5.0))


class Buying(Protocol):
    """Any model that says how many purchases are to be expected."""

    def expected(self, h: Histories, weeks: float) -> FloatArray:
        """Return the expected purchase days of each customer in the next ``weeks`` weeks."""


@dataclass(frozen=True, slots=True)
class ValueFit:
    """A fitted Gamma-Gamma model.

    ``params``: p, q, v (money). ``mean``: the shop's mean money of a repeat purchase day, over the
    customers. ``usable``: False where the model has no finite mean (q <= 1) or too few customers;
    then every customer gets ``mean``. ``correlation``: Spearman's between number and money of the
    repeat purchases; far from 0, the assumption of the model does not hold.
    """

    name: str
    params: dict[str, float]
    log_likelihood: float
    converged: bool
    bound_hits: tuple[str, ...]
    repeat_buyers: int
    mean: float
    usable: bool
    correlation: float
    words: str

    def order_value(self, h: Histories) -> FloatArray:
        """Return the expected money of one future purchase day.

        For a customer without a repeat purchase (or with a mean that is not positive) this is the
        shop's own level, not the customer's: ``own_value`` tells which.
        """
        if not self.usable:
            return np.full(len(h), self.mean)
        p, q, v = (self.params[name] for name in ("p", "q", "v"))
        x = np.where(self.own_value(h), h.x, 0.0)
        m = np.where(x > 0, h.m, 0.0)
        own: FloatArray = (p * v + p * x * m) / (p * x + q - 1)
        return np.where(x > 0, own, self.mean)

    def own_value(self, h: Histories) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return for each customer whether the customer's own purchases say what they are worth."""
        return np.asarray((h.x > 0) & (np.nan_to_num(h.m, nan=0.0) > 0))


def gamma_gamma_log_likelihood(
    params: FloatArray, x: FloatArray, m: FloatArray, w: FloatArray
) -> tuple[float, FloatArray]:
    """Return the weighted log-likelihood and its gradient by p, q, v.

    ``x``: repeat purchases (>= 1); ``m``: their mean money (> 0); ``w``: weights.
    """
    p, q, v = params
    total = np.log(x * m + v)
    value = (
        scipy.special.gammaln(p * x + q) - scipy.special.gammaln(p * x) - scipy.special.gammaln(q)
    )
    value += q * np.log(v) + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * total
    psi_both = scipy.special.psi(p * x + q)
    by_p = x * (psi_both - scipy.special.psi(p * x) + np.log(x * m) - total)
    by_q = psi_both - scipy.special.psi(q) + np.log(v) - total
    by_v = q / v - (p * x + q) / (x * m + v)
    return float(w @ value), np.array([w @ by_p, w @ by_q, w @ by_v])


def fit_gamma_gamma(h: Histories) -> ValueFit:
    """Fit on the customers with a repeat purchase of positive mean money; others carry no news.

    The search runs on money in units of the mean, so that any currency suits its bounds. Raises
    ValueError when no customer has a repeat purchase of positive mean money.
    """
    some = (h.x > 0) & (np.nan_to_num(h.m, nan=0.0) > 0)
    x, m, w = h.x[some], h.m[some], h.weight()[some]
    if not len(x):
        raise ValueError("No customer has a repeat purchase of positive value.")
    mean = float(w @ m / w.sum())
    part = slice(None, None, max(1, len(x) // 10_000))
    found = search(
        lambda params: gamma_gamma_log_likelihood(params, x, m / mean, w),
        ("p", "q", "v"),
        _STARTS,
        coarse=lambda params: gamma_gamma_log_likelihood(params, x[part], m[part] / mean, w[part]),
    )
    params = {**found.params, "v": found.params["v"] * mean}
    usable = params["q"] > 1 and len(x) >= 2
    # The density of m is 1 / mean times that of m / mean.
    likelihood = found.log_likelihood - float(w.sum()) * float(np.log(mean))
    words = "Gamma-Gamma fits." if usable else "Gamma-Gamma has no finite mean: one value for all."
    return ValueFit(
        "Gamma-Gamma",
        params,
        likelihood,
        found.converged,
        found.bound_hits,
        round(float(w.sum())),
        mean,
        usable,
        rank_correlation(x, m),
        words,
    )


def ltv(
    fit: Buying,
    values: ValueFit,
    h: Histories,
    *,
    months: int = 12,
    annual_rate: float = 0.1,
    margin: float = 1.0,
) -> FloatArray:
    """Return each customer's discounted money of the coming ``months``; never what was spent.

    ``annual_rate``: yearly discount (0.1 = 10 %), taken at the end of each month. ``margin``: share
    of the money that stays with the shop (1.0 = revenue). Each month counts 365.25 / 12 days.
    """
    small, group = h.grouped()
    purchases, before = np.zeros(len(small)), np.zeros(len(small))
    for month in range(1, months + 1):
        until = np.maximum(fit.expected(small, month * WEEKS_A_MONTH), before)
        purchases += (until - before) / (1 + annual_rate) ** (month / 12)
        before = until
    return margin * purchases[group] * values.order_value(h)


def rank_correlation(x: FloatArray, m: FloatArray) -> float:
    """Return Spearman's correlation; 0 where one of both does not vary."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(m) == 0:
        return 0.0
    return float(np.corrcoef(mean_ranks(x), mean_ranks(m))[0, 1])


def mean_ranks(values: FloatArray) -> FloatArray:
    """Return mean ranks (equal values share theirs)."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    ranks: FloatArray = mean_rank[group]
    return ranks
