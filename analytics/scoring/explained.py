"""How much of what customers did *later* a grouping explains, with an interval.

The share of variance between groups (eta squared, Fisher 1925) grows with the number of groups
even if they mean nothing; the value reported beside it is corrected for that (epsilon squared,
Kelley 1935) and may fall a little below 0. Intervals come from resampling customers; as a resample
holds its customers several times, its shares are too large on average, so that the distribution
is moved onto the measured value. Every customer is used: one resample is one array of counts.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

FEWEST = 100
"""Customers below which, and customers with an outcome below which, no share is given."""

RESAMPLES = 200
"""Resamples of an interval unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of variance (1 is all) with its 95 % interval; ``eta_squared`` is uncorrected."""

    value: float
    low: float
    high: float
    eta_squared: float


@dataclass(frozen=True, slots=True)
class Explained:
    """What left and right explain of one outcome, and right minus left on the same resamples.

    The three are None, and ``reason`` says why, where the data is too thin.
    """

    outcome: str
    left: Share | None
    right: Share | None
    difference: Share | None
    customers: int
    resamples: int
    reason: str = ""


def _shares(codes: Codes, values: Floats, weights: Floats) -> tuple[float, float]:
    """Return eta squared and epsilon squared of weighted values."""
    total = weights.sum()
    sizes = np.bincount(codes, weights=weights)
    present = sizes > 0
    sums = np.bincount(codes, weights=weights * values)[present]
    grand = sums.sum() / total
    spread = float(weights @ values**2) - total * grand**2
    if spread <= 0:
        return 0.0, 0.0
    between = float((sums**2 / sizes[present]).sum()) - total * grand**2
    eta = float(min(1.0, max(0.0, between / spread)))
    free = float(total - present.sum())
    return eta, float(1 - (1 - eta) * (total - 1) / free) if free > 0 else 0.0


def eta_squared(labels: Labels, values: Floats) -> float:
    """Return the share of the variance of ``values`` that lies between the groups.

    >>> eta_squared(np.array([1, 1, 2, 2]), np.array([3.0, 3.0, 8.0, 8.0]))
    1.0
    >>> eta_squared(np.array([1, 1, 2, 2]), np.array([3.0, 8.0, 3.0, 8.0]))
    0.0
    """
    _, codes = np.unique(labels, return_inverse=True)
    centred = values - values.mean()
    return _shares(codes, centred, np.ones(len(values)))[0]


def _interval(value: float, resampled: Floats, eta: float) -> Share:
    low, high = np.quantile(resampled, (0.025, 0.975)) + (value - resampled.mean())
    return Share(value=value, low=float(low), high=float(high), eta_squared=eta)


def _thin(values: Floats) -> str:
    if len(values) < FEWEST:
        return f"{len(values)} customers are fewer than {FEWEST}"
    active = int((values != 0).sum())
    if active < FEWEST:
        return f"{active} customers with an outcome are fewer than {FEWEST}"
    return "" if np.ptp(values) > 0 else "the outcome is the same for everybody"


def explained(
    outcome: str,
    left: Labels,
    right: Labels,
    values: Floats,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Explained:
    """Compare two groupings of the same customers by what each explains of ``values``.

    ``values`` holds one number per customer from a window *after* the day both groupings describe:
    revenue, or 1 for those who bought and 0 for the others.
    """
    if not len(left) == len(right) == len(values):
        message = f"{len(left)}, {len(right)} and {len(values)} are not the same customers."
        raise ValueError(message)
    reason = _thin(values)
    if reason:
        return Explained(outcome, None, None, None, len(values), 0, reason)
    # Centred, because squares of large values would swallow the difference that matters.
    centred = np.asarray(values - values.mean(), dtype=np.float64)
    sides = [np.unique(labels, return_inverse=True)[1] for labels in (left, right)]
    everybody = np.ones(len(centred))
    (left_eta, left_value), (right_eta, right_value) = (
        _shares(codes, centred, everybody) for codes in sides
    )
    source = np.random.default_rng(seed)
    drawn = np.empty((resamples, 2))
    for row in drawn:
        picks = source.integers(0, len(centred), len(centred))
        weights = np.bincount(picks, minlength=len(centred)).astype(np.float64)
        row[:] = [_shares(codes, centred, weights)[1] for codes in sides]
    return Explained(
        outcome=outcome,
        left=_interval(left_value, drawn[:, 0], left_eta),
        right=_interval(right_value, drawn[:, 1], right_eta),
        difference=_interval(
            right_value - left_value, drawn[:, 1] - drawn[:, 0], right_eta - left_eta
        ),
        customers=len(values),
        resamples=resamples,
    )
