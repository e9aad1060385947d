"""How often the intervals of the lift hold the true one, and how long a large bootstrap takes.

Ours: of 100 intervals, how many hold the true lift; limit: the 95 that they promise. Campaigns are
simulated, amounts gamma-distributed; the scale of the other benchmarks has no part in it.
"""

import numpy as np

from benchmarks.framework import Row, Scale, seconds
from recommendations.scoring.intervals import Count, FloatArray, Sample, bootstrap, newcombe

TRIALS = 1_000
DESIGNS = (
    # customers, share of control, controls' share of buyers, true lift
    (1_000, 0.5, 0.20, 0.00),
    (1_000, 0.5, 0.20, 0.05),
    (5_000, 0.1, 0.15, 0.00),
    (5_000, 0.1, 0.15, 0.03),
    (10_000, 0.1, 0.03, 0.00),
    (10_000, 0.1, 0.03, 0.01),
)
MEAN = 30.0
ALLOWED = 1.03
"""How far the shares of intervals may lie above what they promise, in parts of it."""


def run(scale: Scale) -> list[Row]:
    """Return two rows for each design, then the seconds of large bootstraps."""
    rows = [row for design in DESIGNS for row in _rows(*design)]
    for buyers in (10_000, 100_000):
        arms = _many(buyers)
        rows.append(
            Row(
                f"2,000 resamples of {buyers:,} buyers, five columns",
                seconds(lambda arms=arms: bootstrap([arms])),  # type: ignore[misc] # bound now
            )
        )
    return rows


def _rows(customers: int, share: float, base: float, lift: float) -> list[Row]:
    shares, money = coverage(customers, share, base, lift)
    what = f"{customers:,} customers, {share:.0%} held back, {base:.0%} buy, lift {lift:.0%}"
    note = f"{TRIALS:,} trials"
    return [
        Row(f"{what}: share of buyers", 100 * shares, "of 100", limit=95.0,
            at_most_limit=ALLOWED, note=note),
        Row(f"{what}: revenue", 100 * money, "of 100", limit=95.0,
            at_most_limit=ALLOWED, note=note),
    ]  # fmt: skip


def coverage(customers: int, share: float, base: float, lift: float) -> tuple[float, float]:
    """Return how often the interval of the shares, and that of the revenue, holds the truth."""
    generator = np.random.default_rng(54)
    shares = money = 0
    controls = round(customers * share)
    for _ in range(TRIALS):
        treated = _arm(generator, customers - controls, base + lift)
        control = _arm(generator, controls, base)
        found = newcombe(
            Count(len(treated.rows), treated.customers), Count(len(control.rows), controls)
        )
        shares += found.low <= lift <= found.high
        drawn = bootstrap([(treated, control)])
        if drawn is not None:
            revenue = drawn.difference(0)
            money += revenue.low <= lift * MEAN <= revenue.high
    return shares / TRIALS, money / TRIALS


def _arm(generator: np.random.Generator, customers: int, share: float) -> Sample:
    buyers = int(generator.binomial(customers, share))
    return Sample(customers, generator.gamma(2.0, MEAN / 2, size=(buyers, 1)))


def _many(buyers: int) -> tuple[Sample, Sample]:
    generator = np.random.default_rng(1)
    rows: FloatArray = generator.gamma(2.0, 15.0, size=(buyers, 5))
    return Sample(buyers * 10, rows), Sample(buyers, rows[: buyers // 10])
