"""Logistic regression of "buys in the coming days", taught by several earlier windows at once.

Each window has its own level, so that a busy month does not count as a trait of the customers who
were seen in it. Only the ranking and the spread are taken from here; the level of the coming days
comes from ``clv_levels``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray

RIDGE = 30.0
"""Weight of the squared coefficients, in customers; rare features then move little."""

ROWS = 30_000
"""Customers of all windows together that teach the model; of more, an even part is used."""

_STEPS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A fitted model; ``coefficients`` are per standard deviation of each feature.

    ``levels``: one intercept for each window, newest first. ``rows``: customers it learnt from.
    """

    levels: FloatArray
    coefficients: FloatArray
    centre: FloatArray
    scale: FloatArray
    rows: int
    converged: bool

    def log_odds(self, features: FloatArray) -> FloatArray:
        """Return the log-odds of a purchase, at the level of the newest window."""
        spread = (features - self.centre) / self.scale
        odds: FloatArray = spread @ self.coefficients + self.levels[0]
        return odds


def fit_logistic(windows: Sequence[tuple[FloatArray, FloatArray]]) -> Logistic:
    """Fit on windows of (features, bought later: 0 or 1), newest first.

    Raises ValueError unless some customers bought and others did not.
    """
    features, bought, window = _pooled(windows)
    if not bought.size or bought.all() or not bought.any():
        raise ValueError("The windows need customers who bought and customers who did not.")
    centre, spread = features.mean(0), features.std(0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    levels = np.zeros((len(bought), len(windows)))
    levels[np.arange(len(bought)), window] = 1.0
    design = np.hstack([levels, (features - centre) / scale])
    # A level carries almost no penalty: just enough for a window in which nobody bought.
    ridge = np.array([1e-3] * len(windows) + [RIDGE] * features.shape[1])
    beta, converged = _newton(design, bought, ridge)
    return Logistic(
        beta[: len(windows)], beta[len(windows) :], centre, scale, len(bought), converged
    )


def _pooled(
    windows: Sequence[tuple[FloatArray, FloatArray]],
) -> tuple[FloatArray, FloatArray, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Put the windows one below the other, thinned to ROWS."""
    step = max(1, -(-sum(len(bought) for _, bought in windows) // ROWS))
    features = np.vstack([part[::step] for part, _ in windows])
    bought = np.concatenate([part[::step] for _, part in windows])
    sizes = [len(part[::step]) for _, part in windows]
    return features, bought, np.repeat(np.arange(len(windows)), sizes)


def _newton(design: FloatArray, bought: FloatArray, ridge: FloatArray) -> tuple[FloatArray, bool]:
    """Return the coefficients of least penalised loss, and whether the search settled."""

    def loss(beta: FloatArray) -> float:
        logits = design @ beta
        return float((np.logaddexp(0.0, logits) - bought * logits).sum() + ridge @ beta**2 / 2)

    beta = np.zeros(design.shape[1])
    now = loss(beta)
    for _ in range(_STEPS):
        chance = scipy.special.expit(design @ beta)
        slope = design.T @ (chance - bought) + ridge * beta
        curve = design.T @ (design * (chance * (1 - chance))[:, None]) + np.diag(ridge)
        step = scipy.linalg.solve(curve, slope, assume_a="pos")
        # Halved until it helps: far from the answer a full step can overshoot.
        part = next((p for p in (1.0, 0.5, 0.25, 0.1, 0.01) if loss(beta - p * step) < now), 0.0)
        beta = beta - part * step
        before, now = now, loss(beta)
        if before - now < 1e-9 * max(before, 1.0):
            return beta, True
    return beta, False


def recalibrate(p: FloatArray | Sequence[float], rate: float) -> FloatArray:
    """Move all log-odds by one number so that the mean probability becomes ``rate``.

    The ranking stays. A rate of 0 or 1 is refused: it cannot be reached.

    >>> moved = recalibrate([.2, .5, .8], .7)
    >>> moved.round(3).tolist(), moved.mean().round(6).item()
    ([0.428, 0.749, 0.923], 0.7)
    """
    chance = np.clip(np.asarray(p, np.float64), 1e-12, 1 - 1e-12)
    return at_rate(scipy.special.logit(chance), rate)


def at_rate(log_odds: FloatArray, rate: float) -> FloatArray:
    """Return probabilities whose mean is ``rate``, from log-odds of any level."""
    if not 0 < rate < 1:
        raise ValueError("The rate must lie between 0 and 1.")
    spread = float(np.abs(log_odds).max()) + 40.0

    def excess(shift: float) -> float:
        return float(scipy.special.expit(log_odds + shift).mean()) - rate

    moved: FloatArray = scipy.special.expit(
        log_odds + scipy.optimize.brentq(excess, -spread, spread)
    )
    return moved
