"""The models that compete, and the plain scores they have to beat, behind one form.

Each candidate learns from a ``Past`` and returns log-odds of a purchase. Only their order and
spread count: the level is the same for all and comes from ``clv_levels``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray
from analytics.scoring.clv_likelihood import Kind
from analytics.scoring.clv_logistic import fit_logistic
from analytics.scoring.clv_past import Past, Window
from analytics.scoring.clv_snapshot import Snapshot
from analytics.scoring.clv_table import STRENGTH, fit_table
from analytics.scoring.clv_value import mean_ranks

LABELS = {
    "logistic": "Logistic regression",
    "mbg": "MBG/NBD",
    "bg": "BG/NBD",
    "blend": "Plain scores combined",
    "table": "Table of recency and frequency",
}
"""Models by code, the preferred first where two do equally well."""

BASELINES = {
    "recency": "Days since the last purchase alone",
    "frequency": "Number of purchases alone",
    "money": "Money spent alone",
    "score_sum": "Sum of the R, F and M scores",
}

MIN_POSITIVES = 200
"""A window with fewer buyers does not count for the logistic regression."""

MIN_WINDOWS = 2
MIN_BLEND = 30
"""Buyers of all windows together from which the plain scores can be weighed."""

_EDGE = 1e-9

Ranker = Callable[[Snapshot], FloatArray]
"""Gives the log-odds of a purchase of each customer."""


class NotUsableError(Exception):
    """The candidate cannot be used at this origin; the message says why, for people."""


def learn(model: str, past: Past) -> Ranker:
    """Teach a candidate. Raises ``NotUsableError`` where it has nothing reliable to say."""
    if model in ("mbg", "bg"):
        return _buying("mbg" if model == "mbg" else "bg", past)
    return {"logistic": _logistic, "blend": _blend, "table": _table}[model](past)


def _buying(kind: Kind, past: Past) -> Ranker:
    fit = past.archive.fit(kind, past.origin)
    if fit.degenerate:
        raise NotUsableError(fit.words)
    return lambda then: _log_odds(fit.p_purchase(then.h, past.days / 7))


def _logistic(past: Past) -> Ranker:
    enough = [one for one in past.windows if one.share.buyers >= MIN_POSITIVES]
    if len(enough) < MIN_WINDOWS:
        raise NotUsableError(
            f"Needs {MIN_WINDOWS} earlier windows with {MIN_POSITIVES} buyers each; "
            f"there are {len(enough)}."
        )
    fit = fit_logistic([(one.before.features, one.bought) for one in past.windows])
    return lambda then: fit.log_odds(then.features)


def _blend(past: Past) -> Ranker:
    buyers = int(sum(one.share.buyers for one in past.windows))
    others = sum(one.share.customers for one in past.windows) - buyers
    if min(buyers, others) < MIN_BLEND:
        raise NotUsableError(f"Needs {MIN_BLEND} buyers in earlier windows; there are {buyers}.")
    fit = fit_logistic([(_ranks(one.before), one.bought) for one in past.windows])
    return lambda then: fit.log_odds(_ranks(then))


def _table(past: Past) -> Ranker:
    if not past.windows:
        raise NotUsableError("The orders do not reach back far enough to learn from.")
    newest = past.windows[0]
    table = fit_table(newest.before.h, newest.purchases, weeks=past.days / 7)
    return lambda then: _log_odds(table.p_purchase(then.h, past.days / 7))


def rates_of_score(window: Window, score: str, then: Snapshot) -> FloatArray:
    """Return the share of buyers that the same tenth of a plain score had in ``window``."""
    before = window.before.scores[score]
    cuts = np.unique(np.quantile(before, np.arange(0.1, 1, 0.1), method="inverted_cdf"))
    cell = np.searchsorted(cuts, before, side="left")
    customers = np.bincount(cell, minlength=len(cuts) + 1)
    buyers = np.bincount(cell, weights=window.bought, minlength=len(cuts) + 1)
    overall = (buyers.sum() + 1) / (customers.sum() + 2)
    rates = (buyers + STRENGTH * overall) / (customers + STRENGTH)
    found: FloatArray = rates[np.searchsorted(cuts, then.scores[score], side="left")]
    return found


def _ranks(then: Snapshot) -> FloatArray:
    """Return the place of each customer by each plain score, 0 to 1, and how those combine."""
    columns = [mean_ranks(score) / len(then) for score in then.scores.values()]
    return np.column_stack([*columns, columns[0] * columns[1], columns[0] ** 2, columns[1] ** 2])


def _log_odds(chance: FloatArray) -> FloatArray:
    odds: FloatArray = scipy.special.logit(np.clip(chance, _EDGE, 1 - _EDGE))
    return odds
