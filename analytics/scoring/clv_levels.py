"""How many customers will buy in the coming days, and how far the predictions may spread.

A model ranks customers well long after it was fitted; the *level* changes from month to month. So
both are separated: the level is the share of buyers to be expected, from the shares in earlier
windows; the spread is corrected by how far earlier predictions spread too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray
from analytics.scoring.clv_logistic import at_rate

NEWEST = 0.8
"""Weight of the newest window; each one before has a fifth of the weight of its follower."""

SEASON = 0.5
"""Part of last year's change from one window to the next that is expected to come again."""

SLOPES = 2
"""Newest earlier predictions whose spread is looked at."""

TRUST = 0.5
"""Part of the correction of the spread that is believed: one window is not the next."""

_CUSTOMERS = 50
"""A share among fewer customers than these says nothing about a season."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the customers of a window's first day bought in it."""

    buyers: float
    customers: int

    @property
    def log_odds(self) -> float:
        """Never infinite: half a buyer and half a non-buyer are added."""
        return float(np.log((self.buyers + 0.5) / (self.customers - self.buyers + 0.5)))


def expected_rate(
    windows: Sequence[Share], *, year_ago: tuple[Share, Share] | None = None
) -> float:
    """Return the share of buyers to be expected in the coming window.

    ``windows``: earlier ones, newest first, at least one. ``year_ago``: the same window a year ago
    and the one before that, where the history holds both.

    >>> round(expected_rate([Share(300, 1000), Share(300, 1000)]), 2)
    0.3
    >>> rising = (Share(400, 1000), Share(300, 1000))
    >>> round(expected_rate([Share(300, 1000)], year_ago=rising), 2)
    0.35
    """
    weights = (1 - NEWEST) ** np.arange(len(windows))
    level = float(weights @ [one.log_odds for one in windows] / weights.sum())
    if year_ago is not None and min(one.customers for one in year_ago) >= _CUSTOMERS:
        level += SEASON * (year_ago[0].log_odds - year_ago[1].log_odds)
    return float(scipy.special.expit(level))


def observed_slope(log_odds: FloatArray, bought: FloatArray) -> float:
    """Return by what the log-odds should have been multiplied to fit what happened.

    Below 1, the predictions spread too far. 1 where nothing can be learnt.
    """
    centred = log_odds - log_odds.mean()
    if not 0 < bought.sum() < len(bought) or float(centred.std()) < 1e-9:
        return 1.0
    design = np.column_stack([np.ones(len(centred)), centred])
    beta = np.array([scipy.special.logit(bought.mean()), 1.0])
    for _ in range(20):
        chance = scipy.special.expit(design @ beta)
        curve = design.T @ (design * (chance * (1 - chance))[:, None]) + 1e-9 * np.eye(2)
        beta = beta - np.linalg.solve(curve, design.T @ (chance - bought))
    return float(beta[1]) if np.isfinite(beta).all() else 1.0


def trusted_slope(observed: Sequence[float]) -> float:
    """Return the correction of the spread; ``observed``: of earlier predictions, newest first.

    >>> trusted_slope([.8, .8, .2]), trusted_slope([])
    (0.9, 1.0)
    """
    newest = observed[:SLOPES]
    if not newest:
        return 1.0
    return float(np.clip(1 + TRUST * (np.mean(newest) - 1), 0.5, 1.5))


def levelled(log_odds: FloatArray, *, slope: float, rate: float) -> FloatArray:
    """Return probabilities with the corrected spread, and ``rate`` for their mean."""
    return at_rate(slope * (log_odds - log_odds.mean()), rate)
