"""Intervals for the difference between two arms: shares by Newcombe, amounts by bootstrap.

Both take strata (campaigns with shares of their own): a difference is taken within each and then
weighted by the treated customers, or a campaign with few controls would pass for an effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CONFIDENCE = 0.95
POWER = 0.8
DRAWS = 2_000
SEED = 5_041
BLOCK = 2_000_000
"""So many counts (resamples times buyers) are held in memory at once."""

Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def times(self, factor: float) -> "Interval":
        """Return all three times a factor that is not negative."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Count:
    """So many of so many."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of


def wilson(count: Count) -> tuple[float, float]:
    """Return the ends of Wilson's score interval of a share.

    >>> low, high = wilson(Count(1, 10))
    >>> round(low, 4), round(high, 4)
    (0.0179, 0.4042)
    """
    n, p = count.of, count.share
    middle = p + Z * Z / (2 * n)
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def newcombe(treated: Count, control: Count) -> Interval:
    """Return the difference of two shares with Newcombe's hybrid score interval.

    Method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890; the example is his (a).

    >>> found = newcombe(Count(56, 70), Count(48, 80))
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    low_t, high_t = wilson(treated)
    low_c, high_c = wilson(control)
    p_t, p_c = treated.share, control.share
    difference = p_t - p_c
    return Interval(
        difference,
        difference - sqrt((p_t - low_t) ** 2 + (high_c - p_c) ** 2),
        difference + sqrt((high_t - p_t) ** 2 + (p_c - low_c) ** 2),
    )


def stratified_newcombe(strata: Sequence[tuple[Count, Count]]) -> Interval | None:
    """Return the mean of the strata's differences, weighted by treated customers.

    The halves of the intervals are combined by their squares (MOVER; Yan and Su 2010 do the same
    with other weights). Strata with an empty arm say nothing and are left out; None: no other.

    >>> one = (Count(56, 70), Count(48, 80))
    >>> stratified_newcombe([one]) == newcombe(*one)
    True
    >>> stratified_newcombe([(Count(1, 2), Count(0, 0))]) is None
    True
    """
    usable = [(treated, control) for treated, control in strata if treated.of and control.of]
    total = sum(treated.of for treated, _ in usable)
    if not usable:
        return None
    if len(usable) == 1:
        return newcombe(*usable[0])
    value = below = above = 0.0
    for treated, control in usable:
        found, weight = newcombe(treated, control), treated.of / total
        value += weight * found.value
        below += (weight * (found.value - found.low)) ** 2
        above += (weight * (found.high - found.value)) ** 2
    return Interval(value, value - sqrt(below), value + sqrt(above))


@dataclass(frozen=True, slots=True)
class Sample:
    """What the customers of one arm did.

    Attributes:
        customers: all of the arm, also those who bought nothing.
        rows: one row for each customer who did something, one column for each quantity; all
            other customers have zeros.
    """

    customers: int
    rows: FloatArray

    @property
    def means(self) -> FloatArray:
        """Means over all customers of the arm."""
        found: FloatArray = self.rows.sum(axis=0) / self.customers
        return found

    @property
    def variances(self) -> FloatArray:
        """Variances of these means."""
        return _variances(self.rows.sum(axis=0), np.square(self.rows).sum(axis=0), self.customers)


def resampled(
    sample: Sample, generator: np.random.Generator, draws: int
) -> tuple[FloatArray, FloatArray]:
    """Return means over all customers, and their variances, in ``draws`` resamples (by column).

    Customers without anything are alike. So how many of the others a resample holds is binomial,
    and only those are drawn one by one; this is the plain bootstrap, at the cost of the buyers.
    """
    buyers, columns = sample.rows.shape
    both = np.hstack([sample.rows, np.square(sample.rows)])
    sums = np.zeros((draws, 2 * columns))
    if not buyers:
        return sums[:, :columns], sums[:, columns:]
    sizes = generator.binomial(sample.customers, buyers / sample.customers, size=draws)
    step = max(1, BLOCK // buyers)
    for first in range(0, draws, step):
        block = sizes[first : first + step]
        chosen = generator.integers(0, buyers, size=int(block.sum()))
        chosen += np.repeat(np.arange(len(block)) * buyers, block)
        times = np.bincount(chosen, minlength=len(block) * buyers).reshape(len(block), buyers)
        sums[first : first + step] = times.astype(np.float64) @ both
    plain, squares = sums[:, :columns], sums[:, columns:]
    return plain / sample.customers, _variances(plain, squares, sample.customers)


def _variances(sums: FloatArray, squares: FloatArray, customers: int) -> FloatArray:
    """Return the variances of means from sums and sums of squares; rounding never makes one < 0."""
    found: FloatArray = np.maximum(squares / customers - np.square(sums / customers), 0.0)
    return found / customers


def percentiles(value: float, drawn: FloatArray) -> Interval:
    """Return the estimate with the percentile interval of its resamples."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def studentised(
    value: float, variance: float, drawn: FloatArray, variances: FloatArray
) -> Interval:
    """Return the bootstrap-t interval: resamples in units of their own standard errors.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 12.5. Where nothing
    varies, both ends are the estimate.

    >>> found = studentised(2.0, 1.0, np.linspace(0.0, 4.0, 401), np.full(401, 1.0))
    >>> round(found.low, 6), round(found.high, 6)
    (0.1, 3.9)
    """
    usable = variances > 0
    if variance <= 0 or not usable.any():
        return Interval(value, value, value)
    units = (drawn[usable] - value) / np.sqrt(variances[usable])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(units, [tail, 1 - tail])
    error = sqrt(variance)
    return Interval(value, float(value - high * error), float(value - low * error))


@dataclass(frozen=True, slots=True)
class Resampled:
    """Both arms' means over the strata, weighted by treated customers, as found and as drawn.

    ``variance`` and ``drawn_variance`` are those of the difference of the means.
    """

    treated: FloatArray
    control: FloatArray
    variance: FloatArray
    drawn_treated: FloatArray
    drawn_control: FloatArray
    drawn_variance: FloatArray

    def difference(self, column: int) -> Interval:
        """Return the difference of a column's means; each end is the more careful of two.

        The percentile interval misses too often where one arm is small and amounts are skewed,
        the studentised one where both are small: measured by ``benchmarks/bench_uplift.py``.
        """
        value = float(self.treated[column] - self.control[column])
        drawn = self.drawn_treated[:, column] - self.drawn_control[:, column]
        plain = percentiles(value, drawn)
        other = studentised(
            value, float(self.variance[column]), drawn, self.drawn_variance[:, column]
        )
        return Interval(value, min(plain.low, other.low), max(plain.high, other.high))

    def ratio_difference(self, above: int, below: int) -> Interval | None:
        """Return the difference of ratios of two columns; None where an arm has none below.

        Resamples without any in an arm's denominator say nothing and are left out.
        """
        if not (self.treated[below] > 0 and self.control[below] > 0):
            return None
        usable = (self.drawn_treated[:, below] > 0) & (self.drawn_control[:, below] > 0)
        treated, control = self.drawn_treated[usable], self.drawn_control[usable]
        value = self.treated[above] / self.treated[below]
        value -= self.control[above] / self.control[below]
        drawn = treated[:, above] / treated[:, below] - control[:, above] / control[:, below]
        return percentiles(float(value), drawn)


def bootstrap(
    strata: Sequence[tuple[Sample, Sample]], *, draws: int = DRAWS, seed: int = SEED
) -> Resampled | None:
    """Resample the customers of each arm of each stratum; None where no stratum has both arms.

    The seed is fixed: the same customers give the same interval.

    >>> ones = Sample(10, np.ones((10, 1)))
    >>> found = bootstrap([(ones, Sample(5, np.zeros((0, 1))))])
    >>> found.difference(0)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    usable = [(treated, control) for treated, control in strata if treated.customers]
    usable = [(treated, control) for treated, control in usable if control.customers]
    if not usable:
        return None
    generator = np.random.default_rng(seed)
    total = sum(treated.customers for treated, _ in usable)
    columns = usable[0][0].rows.shape[1]
    found = [np.zeros(columns), np.zeros(columns)]
    drawn = [np.zeros((draws, columns)), np.zeros((draws, columns))]
    variance, drawn_variance = np.zeros(columns), np.zeros((draws, columns))
    for arms in usable:
        weight = arms[0].customers / total
        for place, sample in enumerate(arms):
            means, variances = resampled(sample, generator, draws)
            found[place] += weight * sample.means
            drawn[place] += weight * means
            variance += weight**2 * sample.variances
            drawn_variance += weight**2 * variances
    return Resampled(found[0], found[1], variance, drawn[0], drawn[1], drawn_variance)


def winsorised(values: FloatArray, cap: float) -> FloatArray:
    """Return the values, those above the cap lowered to it."""
    return np.minimum(values, cap)


def customers_needed(*, base: float, lift: float, control_share: float) -> int | None:
    """Return how many customers, both arms together, show a lift in 80 % of trials (5 % level).

    Args:
        base: share of the controls who buy.
        lift: smallest relative change worth knowing: .2 is a fifth more.
        control_share: part of the customers who are controls.

    None where no number is enough: nobody buys, or there is only one arm.

    >>> customers_needed(base=0.15, lift=0.2, control_share=0.1)
    12550
    >>> customers_needed(base=0.0, lift=0.2, control_share=0.1) is None
    True
    """
    raised = min(base * (1 + lift), 1.0)
    if not (0 < base < raised and 0 < control_share < 1):
        return None
    spread = base * (1 - base) / control_share + raised * (1 - raised) / (1 - control_share)
    z = Z + NormalDist().inv_cdf(POWER)
    return ceil(z * z * spread / (raised - base) ** 2)
