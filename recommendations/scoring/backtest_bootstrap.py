"""Intervals by drawing customers again and again; one judged at three origins is one draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommendations.scoring.arrays import Floats, Ints

LEVELS = (2.5, 97.5)


class Resampler:
    """The same draws of customers for every comparison, so that differences are paired."""

    def __init__(self, customer: Ints, *, draws: int, seed: int) -> None:
        _, self.place = np.unique(customer, return_inverse=True)
        size = int(self.place.max(initial=-1)) + 1
        generator = np.random.default_rng(seed)
        self.weights = np.zeros((draws if size else 0, size), np.float32)
        for draw in range(len(self.weights)):
            drawn = generator.integers(0, size, size)
            self.weights[draw] = np.bincount(drawn, minlength=size)

    def interval(self, above: Floats, below: Floats | None = None) -> dict[str, float] | None:
        """Return mean and 95 % interval of sum(above) / sum(below); ``below`` is 1 each by default.

        NaN in ``above`` leaves the row out. None where nothing is left.
        """
        known = ~np.isnan(above)
        under = np.ones(len(above)) if below is None else below
        size = self.weights.shape[1]
        top = np.bincount(self.place[known], above[known], minlength=size)
        base = np.bincount(self.place[known], under[known], minlength=size)
        if base.sum() <= 0:
            return None
        drawn = self.weights @ np.stack([top, base], axis=1).astype(np.float32)
        some = drawn[:, 1] > 0
        low, high = np.percentile(drawn[some, 0] / drawn[some, 1], LEVELS)
        return {
            "mean": round(float(top.sum() / base.sum()), 6),
            "low": round(float(low), 6),
            "high": round(float(high), 6),
        }


def joined(parts: Sequence[Floats]) -> Floats:
    """Return the values of all origins, one after another."""
    return np.concatenate(list(parts) or [np.zeros(0)])
