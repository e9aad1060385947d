"""The gate between the weighted score and the plain order of the signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recommendations.scoring.arrays import Floats
from recommendations.scoring.backtest_bootstrap import Resampler, joined
from recommendations.scoring.backtest_plans import Trial

ALLOWED_LOSS = 0.05
"""The weighted score may lose so much NDCG, relatively, to the best rival: the lower bound."""

DRAWS = 500
LEAST_CUSTOMERS = 30


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the weighted score may rank; ``reason`` says why not.

    ``rival``: name of the best baseline. ``weighted``, ``signals``, ``best``: mean NDCG@3 on next
    baskets. ``low``: lower bound of the paired difference to ``rival``, relative to its mean.
    """

    passed: bool
    reason: str
    customers: int = 0
    rival: str = ""
    weighted: float | None = None
    signals: float | None = None
    best: float | None = None
    low: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def gate_of(
    weighted: Sequence[Trial],
    signals: Sequence[Trial],
    rivals: Mapping[str, Sequence[Trial]],
    *,
    before: int,
    seed: int = 5,
) -> Gate:
    """Judge the weighted score on next baskets placed up to day ``before``.

    It passes when the lower bound of its paired difference to the best rival is at least -5 % of
    that rival, and when it is on the average not below the plain order of the signals.
    """
    ours, customers = _before(weighted, before)
    if len(ours) < LEAST_CUSTOMERS:
        return Gate(
            False, "There are too few later baskets to judge the weighted score.", len(ours)
        )
    plain, _ = _before(signals, before)
    means = {name: _before(trials, before)[0].mean() for name, trials in rivals.items()}
    rival = max(sorted(means), key=lambda name: float(means[name]))
    theirs, _ = _before(rivals[rival], before)
    found = Resampler(customers, draws=DRAWS, seed=seed).interval(ours - theirs)
    best = float(theirs.mean())
    low = found["low"] / best if found and best > 0 else 0.0
    reasons = []
    if low < -ALLOWED_LOSS:
        reasons.append("The weighted score is worse than the best simple rule.")
    if ours.mean() < plain.mean():
        reasons.append("The plain order of the signals finds more of what was bought.")
    return Gate(
        passed=not reasons,
        reason=" ".join(reasons),
        customers=len(ours),
        rival=rival,
        weighted=round(float(ours.mean()), 6),
        signals=round(float(plain.mean()), 6),
        best=round(best, 6),
        low=round(low, 6),
    )


def _before(trials: Sequence[Trial], before: int) -> tuple[Floats, Any]:
    """Return NDCG and customer of all baskets placed up to ``before``."""
    kept = [trial.next_day <= before for trial in trials]
    values = joined([trial.ndcg[use] for trial, use in zip(trials, kept, strict=True)])
    who = [trial.customer[use] for trial, use in zip(trials, kept, strict=True)]
    return values, np.concatenate(who or [np.zeros(0, np.int64)])
