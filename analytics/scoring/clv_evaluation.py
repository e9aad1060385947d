"""How good predictions were, once the later purchases are known.

Equal predictions are treated alike everywhere, so the order of the customers changes no figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from analytics.scoring.clv_histories import FloatArray
from analytics.scoring.clv_value import mean_ranks, rank_correlation

BINS = 10
TOP = 0.1
_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the customers by prediction: mean prediction, share that bought, and how many."""

    predicted: float
    observed: float
    customers: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Predicted probabilities against what happened.

    ``auc``: chance that a buyer was ranked above a non-buyer (None without both). ``brier_of_rate``
    and ``log_loss_of_rate``: what predicting the base rate for everybody would give. ``ece``: mean
    distance between prediction and share in the bins. ``lift``: how many times more buyers the
    best-ranked tenth holds than a random tenth. ``expected``, ``observed``: numbers of buyers.
    """

    customers: int
    positives: int
    base_rate: float
    auc: float | None
    average_precision: float | None
    brier: float
    brier_of_rate: float
    log_loss: float
    log_loss_of_rate: float
    ece: float
    lift: float | None
    expected: float
    observed: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class ValueEvaluation:
    """Predicted money (or numbers) against what happened.

    ``total_error``: (predicted - actual) / actual, None when nothing was sold. ``mae``: mean
    absolute error, in the unit of the prediction. ``spearman``: correlation of the ranks.
    ``top_decile``: share of the actual total that the best-ranked tenth brought.
    """

    predicted: float
    actual: float
    total_error: float | None
    mae: float
    spearman: float
    top_decile: float | None


def evaluate(p: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
    """Compare probabilities ``p`` with ``y`` (1: bought, 0: did not).

    >>> found = evaluate([.9, .8, .3, .2], [1, 1, 0, 0])
    >>> found.auc, found.average_precision, round(found.brier, 3), found.observed
    (1.0, 1.0, 0.045, 2.0)
    """
    chance, bought = np.asarray(p, np.float64), np.asarray(y, np.float64)
    if not len(chance) or len(chance) != len(bought):
        raise ValueError("Predictions and outcomes must have the same length, at least 1.")
    rate = float(bought.mean())
    bins = _bins(chance, bought)
    distance = sum(b.customers * abs(b.predicted - b.observed) for b in bins) / len(chance)
    return Evaluation(
        customers=len(chance),
        positives=int(bought.sum()),
        base_rate=rate,
        auc=auc(chance, bought),
        average_precision=average_precision(chance, bought),
        brier=float(np.mean((chance - bought) ** 2)),
        brier_of_rate=rate * (1 - rate),
        log_loss=_log_loss(chance, bought),
        log_loss_of_rate=_log_loss(np.full(len(bought), rate), bought),
        ece=distance,
        lift=top_share(chance, bought) / TOP if rate else None,
        expected=float(chance.sum()),
        observed=float(bought.sum()),
        bins=bins,
    )


def evaluate_values(predicted: npt.ArrayLike, actual: npt.ArrayLike) -> ValueEvaluation:
    """Compare predicted money with actual money, one entry per customer.

    >>> found = evaluate_values([30., 10., 0.], [20., 10., 0.])
    >>> round(found.total_error, 2), round(found.mae, 2), round(found.spearman, 2)
    (0.33, 3.33, 1.0)
    """
    guess, real = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    total = float(real.sum())
    return ValueEvaluation(
        predicted=float(guess.sum()),
        actual=total,
        total_error=(float(guess.sum()) - total) / total if total > 0 else None,
        mae=float(np.abs(guess - real).mean()),
        spearman=rank_correlation(guess, real),
        top_decile=top_share(guess, real) if total > 0 else None,
    )


def auc(p: FloatArray, y: FloatArray) -> float | None:
    """Return the area under the ROC curve; None when all bought or nobody did."""
    positives = float(y.sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return None
    above = float(mean_ranks(p) @ y) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def auc_interval(p: npt.ArrayLike, y: npt.ArrayLike) -> tuple[float, float] | None:
    """Return the 95 % interval of the AUC; None where there is no AUC.

    Source: DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more correlated
    ROC curves, Biometrics 44(3). Closed form: a bootstrap takes a hundred times as long.
    """
    chance, bought = np.asarray(p, np.float64), np.asarray(y, np.float64) > 0
    buyers, others = int(bought.sum()), int((~bought).sum())
    if buyers < 2 or others < 2:
        return None
    ranks = mean_ranks(chance)
    above = (ranks[bought] - mean_ranks(chance[bought])) / others
    below = 1 - (ranks[~bought] - mean_ranks(chance[~bought])) / buyers
    error = float(np.sqrt(above.var(ddof=1) / buyers + below.var(ddof=1) / others))
    middle = float(above.mean())
    return max(0.0, middle - 1.96 * error), min(1.0, middle + 1.96 * error)


def average_precision(p: FloatArray, y: FloatArray) -> float | None:
    """Return the mean precision over the buyers; None when nobody bought."""
    if not y.sum():
        return None
    _, level = np.unique(-p, return_inverse=True)
    buyers, customers = np.bincount(level, weights=y), np.bincount(level)
    precision = np.cumsum(buyers) / np.cumsum(customers)
    return float(precision @ buyers / y.sum())


def top_share(score: FloatArray, amount: FloatArray) -> float:
    """Return the share of ``amount`` in the best-scored tenth (rounded up to whole customers).

    Customers equal at the border count in proportion to the places that are left for them.
    """
    places = ceil(len(score) * TOP)
    border = np.partition(score, len(score) - places)[len(score) - places]
    above, equal = score > border, score == border
    part = (places - int(above.sum())) / int(equal.sum())
    return float((amount[above].sum() + part * amount[equal].sum()) / amount.sum())


def _bins(p: FloatArray, y: FloatArray) -> tuple[Bin, ...]:
    """Return up to ten bins of about equally many customers; equal predictions stay together."""
    number = ((mean_ranks(p) - 0.5) / len(p) * BINS).astype(np.int64)
    counts = np.bincount(number, minlength=BINS)
    sums = np.bincount(number, weights=p, minlength=BINS)
    bought = np.bincount(number, weights=y, minlength=BINS)
    return tuple(
        Bin(float(sums[i] / n), float(bought[i] / n), int(n)) for i, n in enumerate(counts) if n
    )


def _log_loss(p: FloatArray, y: FloatArray) -> float:
    """Return the mean of -ln of the probability given to what happened (cut at 1e-12)."""
    sure = np.clip(p, _EDGE, 1 - _EDGE)
    return float(-np.mean(y * np.log(sure) + (1 - y) * np.log1p(-sure)))
