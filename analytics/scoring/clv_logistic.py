"""The second model: logistic regression of "buys in the next window" on ten plain features.

It is trained on the window before the described day, moved to the current rate of buying, and
used only where it did better than the first model on at least three earlier days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from analytics.scoring.clv_evaluation import Evaluation
from analytics.scoring.clv_histories import FloatArray, Histories

FEATURES = (
    "repeat purchases",
    "weeks since the last purchase",
    "weeks since the first purchase",
    "purchases a week",
    "silence against the usual gap",
    "bought again",
    "purchases in 4 weeks",
    "purchases in 13 weeks",
    "purchases in 26 weeks",
    "purchases in 52 weeks",
)
MIN_POSITIVES = 200
"""A window with fewer buyers teaches the model nothing reliable."""

MIN_WINDOWS = 2
MIN_ORIGINS = 3
RIDGE = 1.0
"""Weight of the squared coefficients; keeps them finite where a feature separates perfectly."""


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A fitted logistic model; ``coefficients`` are per standard deviation of each feature."""

    name: str
    horizon: float
    intercept: float
    coefficients: FloatArray
    centre: FloatArray
    scale: FloatArray
    converged: bool

    def p_purchase(self, h: Histories, weeks: float, *, rate: float | None = None) -> FloatArray:
        """Return the probability of a purchase within ``weeks`` (only the learnt horizon).

        ``rate``: the current share of buyers, to which the mean prediction is moved.
        """
        if abs(weeks - self.horizon) > 1e-9:
            raise ValueError(f"The model knows a horizon of {self.horizon:.2f} weeks only.")
        logits = ((features(h) - self.centre) / self.scale) @ self.coefficients + self.intercept
        chance: FloatArray = scipy.special.expit(logits)
        return chance if rate is None else recalibrate(chance, rate, weights=h.weight())


def features(h: Histories) -> FloatArray:
    """Return the ten features (see FEATURES) of each customer; counts and times as log(1 + v)."""
    if h.recent is None:
        raise ValueError("The second model needs the purchases of the last weeks (recent).")
    silence = h.T - h.t_x
    gap = np.where(h.x > 0, h.t_x / np.maximum(h.x, 1), h.T)
    columns = (h.x, silence, h.T, h.x / np.maximum(h.T, 1), silence / np.maximum(gap, 1 / 7))
    first = np.log1p(np.column_stack(columns))
    return np.column_stack([first, h.x > 0, np.log1p(h.recent)])


def fit_logistic(before: Histories, later: npt.ArrayLike, *, weeks: float) -> Logistic:
    """Fit on histories and the purchase days (or 0/1) of the ``weeks`` weeks after them."""
    bought = (np.asarray(later, np.float64) > 0).astype(np.float64)
    if bought.all() or not bought.any():
        raise ValueError("The window needs customers who bought and customers who did not.")
    raw, w = features(before), before.weight()
    total = w.sum()
    centre = w @ raw / total
    spread = np.sqrt(w @ np.square(raw - centre) / total)
    scale = np.where(spread > 1e-9, spread, 1.0)
    design = np.column_stack([np.ones(len(raw)), (raw - centre) / scale])
    free = np.array([0.0] + [1.0] * raw.shape[1])  # the intercept carries no penalty

    def cost(beta: FloatArray) -> tuple[float, FloatArray]:
        logits = design @ beta
        loss = w @ (np.logaddexp(0.0, logits) - bought * logits)
        slope = design.T @ (w * (scipy.special.expit(logits) - bought)) + RIDGE * free * beta
        return float(loss + RIDGE / 2 * (free * beta) @ beta) / total, slope / total

    found = scipy.optimize.minimize(
        cost, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000}
    )
    beta = np.asarray(found.x)
    return Logistic("Logistic", weeks, float(beta[0]), beta[1:], centre, scale, bool(found.success))


def recalibrate(p: npt.ArrayLike, rate: float, *, weights: FloatArray | None = None) -> FloatArray:
    """Move all log-odds by one number so that the mean probability becomes ``rate``.

    The ranking stays. A rate of 0 or 1 is refused: it cannot be reached.

    >>> moved = recalibrate([.2, .5, .8], .7)
    >>> moved.round(3).tolist(), moved.mean().round(6).item()
    ([0.428, 0.749, 0.923], 0.7)
    """
    if not 0 < rate < 1:
        raise ValueError("The rate must lie between 0 and 1.")
    chance = np.clip(np.asarray(p, np.float64), 1e-12, 1 - 1e-12)
    logits = scipy.special.logit(chance)
    w = np.ones(len(chance)) if weights is None else weights

    def excess(shift: float) -> float:
        return float(w @ scipy.special.expit(logits + shift) / w.sum()) - rate

    moved: FloatArray = scipy.special.expit(logits + scipy.optimize.brentq(excess, -60.0, 60.0))
    return moved


def prefer_second(first: Sequence[Evaluation], second: Sequence[Evaluation]) -> bool:
    """Tell whether the second model may be used: it won, and on enough evidence.

    Both were evaluated at the same days, oldest first. It needs MIN_ORIGINS days, MIN_WINDOWS of
    them with MIN_POSITIVES buyers, and a smaller mean log loss.
    """
    if len(first) != len(second) or len(second) < MIN_ORIGINS:
        return False
    if sum(one.positives >= MIN_POSITIVES for one in second) < MIN_WINDOWS:
        return False
    losses = [sum(one.log_loss for one in each) / len(each) for each in (first, second)]
    return losses[1] < losses[0]
