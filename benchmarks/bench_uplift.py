"""How often the intervals of the lift hold the true one, and how long a large bootstrap takes.

Ours: of 100 intervals, how many hold the true lift; limit: the 95 that they promise. Campaigns are
simulated with gamma or log-normal amounts; the scale of the other benchmarks has no part in it.
"""

import numpy as np

from benchmarks.framework import Row, Scale, seconds
from recommendations.scoring.intervals import (
    Count,
    FloatArray,
    Sample,
    bootstrap,
    newcombe,
    percentiles,
)

MAKES_ITS_DATA = True
TRIALS = 500
DESIGNS = (
    # customers, share of control, controls' share of buyers, true lift, sigma (None: gamma)
    (1_000, 0.5, 0.20, 0.00, None),
    (1_000, 0.5, 0.20, 0.05, 1.0),
    (2_500, 0.1, 0.15, 0.03, None),
    (2_500, 0.1, 0.15, 0.00, 1.0),
    (2_500, 0.1, 0.15, 0.03, 1.5),
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


def _rows(customers: int, share: float, base: float, lift: float, sigma: float | None) -> list[Row]:
    held = coverage(customers, share, base, lift, sigma)
    amounts = f"log-normal, sigma {sigma:g}" if sigma else "gamma"
    what = f"{customers:,} customers, {share:.0%} held back, {base:.0%} buy, lift {lift:.0%}"
    return [
        Row(f"{what}: {name}", 100 * part, "of 100", limit=95.0, at_most_limit=ALLOWED,
            note=f"{TRIALS:,} trials" + ("" if name == "share of buyers" else f"; {amounts}"))
        for name, part in held.items()
    ]  # fmt: skip


def coverage(
    customers: int, share: float, base: float, lift: float, sigma: float | None
) -> dict[str, float]:
    """Return how often each interval holds the truth: of shares, and of revenue as told and by
    percentiles alone."""
    generator = np.random.default_rng(54)
    held = {"share of buyers": 0, "revenue": 0, "revenue, percentiles alone": 0}
    controls = round(customers * share)
    for _ in range(TRIALS):
        treated = _arm(generator, customers - controls, base + lift, sigma)
        control = _arm(generator, controls, base, sigma)
        found = newcombe(
            Count(len(treated.rows), treated.customers), Count(len(control.rows), controls)
        )
        drawn = bootstrap([(treated, control)])
        assert drawn is not None  # noqa: S101 - both arms have customers
        plain = percentiles(0.0, drawn.drawn_treated[:, 0] - drawn.drawn_control[:, 0])
        for name, interval, truth in (
            ("share of buyers", found, lift),
            ("revenue", drawn.difference(0), lift * MEAN),
            ("revenue, percentiles alone", plain, lift * MEAN),
        ):
            held[name] += interval.low <= truth <= interval.high
    return {name: count / TRIALS for name, count in held.items()}


def _arm(
    generator: np.random.Generator, customers: int, share: float, sigma: float | None
) -> Sample:
    buyers = int(generator.binomial(customers, share))
    if sigma is None:
        amounts = generator.gamma(2.0, MEAN / 2, size=(buyers, 1))
    else:
        amounts = generator.lognormal(np.log(MEAN) - sigma**2 / 2, sigma, size=(buyers, 1))
    return Sample(customers, amounts)


def _many(buyers: int) -> tuple[Sample, Sample]:
    generator = np.random.default_rng(1)
    rows: FloatArray = generator.gamma(2.0, 15.0, size=(buyers, 5))
    return Sample(buyers * 10, rows), Sample(buyers, rows[: buyers // 10])
