"""Score recency, frequency and money from 1 (worst) to 5 (best); equal values score the same.

This is the rule in plain Python. ``analytics/sql/rfm_functions_v1.sql`` does the same inside the
database, for a million customers; a test holds that both agree on random data.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

RULES = "rfm-1"
"""Names these rules in every stored run; a change of a rule gets a new name."""

STEPS = (20, 40, 60, 80)
"""Percentages at which the cut points lie."""


Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Four ascending cut points for each of the three values; four cuts make five bands."""

    recency_days: tuple[int, ...]
    frequency: tuple[int, ...]
    monetary: tuple[Decimal, ...]


FIXED_CUTS = Cuts(
    recency_days=(30, 60, 120, 365),
    frequency=(2, 5, 10, 20),
    monetary=(Decimal(200), Decimal(500), Decimal(1000), Decimal(2000)),
)
"""The bins of mode *fixed*: days, orders, and money without tax."""


@dataclass(frozen=True, slots=True)
class Values:
    """What one customer with at least one sale did up to the day that is described."""

    recency_days: int
    frequency: int
    monetary: Decimal


@dataclass(frozen=True, slots=True)
class Score:
    """One cell of the 5 x 5 x 5 grid."""

    r: int
    f: int
    m: int

    def __str__(self) -> str:
        return f"{self.r}{self.f}{self.m}"


def quantile_cuts(values: Sequence[Number]) -> tuple[Number, ...]:
    """Return the values at 20, 40, 60 and 80 % (``percentile_disc``, numpy's ``inverted_cdf``).

    Each is the smallest value with at least that share of the values at or below it.
    No values, no cuts.

    >>> quantile_cuts([7, 1, 1, 1, 9])
    (1, 1, 1, 7)
    >>> quantile_cuts([])
    ()
    """
    ranked = sorted(values)
    count = len(ranked)
    if not count:
        return ()
    # Whole-number arithmetic: rounding must not move a cut by one customer.
    return tuple(ranked[max(0, -(-count * step // 100) - 1)] for step in STEPS)


def cuts_of(customers: Iterable[Values]) -> Cuts:
    """Return the cut points of mode *quantile* over customers with at least one sale."""
    rows = list(customers)
    return Cuts(
        recency_days=quantile_cuts([row.recency_days for row in rows]),
        frequency=quantile_cuts([row.frequency for row in rows]),
        monetary=quantile_cuts([row.monetary for row in rows]),
    )


def band(value: Number, cuts: Sequence[Number]) -> int:
    """Return 1 plus the number of cuts strictly below ``value``.

    >>> [band(days, (30, 60, 120, 365)) for days in (0, 30, 31, 365, 366)]
    [1, 1, 2, 4, 5]
    """
    return 1 + bisect_left(cuts, value)


def score(values: Values, cuts: Cuts) -> Score:
    """Place one customer in the grid. Fewer days since the last order score higher.

    >>> str(score(Values(recency_days=3, frequency=6, monetary=Decimal("499.90")), FIXED_CUTS))
    '532'
    """
    return Score(
        r=6 - band(values.recency_days, cuts.recency_days),
        f=band(values.frequency, cuts.frequency),
        m=band(values.monetary, cuts.monetary),
    )
