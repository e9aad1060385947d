"""Behaviour and taste as two blocks of one space, neither louder than it was told to be.

The blocks are the z-scores of log recency, frequency and money, and the centred taste vectors.
Both are scaled to the same total variance before the taste gets its share of it; otherwise the
block with more columns would decide alone.
"""

from dataclasses import dataclass

import numpy as np

from analytics.scoring.stability import Floats

TASTE_SHARES = {"rfm": 0.0, "taste": 1.0, "both": 0.5}
"""Kind of segmentation: the share of the total variance that the taste block gets."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Turns raw values into points; fitted once, so that later customers fit in unchanged."""

    rfm_mean: Floats
    rfm_factor: Floats
    taste_mean: Floats
    taste_factor: float

    def points(self, rfm: Floats, taste: Floats) -> Floats:
        """Return one float32 point per customer: [RFM | taste].

        A block without a share of the variance is left out: 128 columns of zeros would only cost.
        """
        blocks = [(rfm - self.rfm_mean) * self.rfm_factor] if self.rfm_factor.any() else []
        if self.taste_factor:
            blocks.append((taste - self.taste_mean) * self.taste_factor)
        return np.hstack(blocks or [np.zeros((len(rfm), 1))]).astype(np.float32)


def rfm_features(recency_days: Floats, frequency: Floats, monetary: Floats) -> Floats:
    """Return the logarithms of the three values, one row per customer.

    Money may be below zero (more returned than bought); its sign is kept.

    >>> rfm_features(np.array([0.0]), np.array([1.0]), np.array([-1.0])).round(2).tolist()
    [[0.0, 0.69, -0.69]]
    """
    money = np.sign(monetary) * np.log1p(np.abs(monetary))
    return np.column_stack((np.log1p(recency_days), np.log1p(frequency), money))


def _scale_to(variance: float, share: float) -> float:
    return float(np.sqrt(share / variance)) if variance > 1e-12 else 0.0


def fit_scaling(rfm: Floats, taste: Floats, *, taste_share: float) -> Scaling:
    """Fit means and factors: total variance 1, of which the taste block has ``taste_share``.

    A column or block that never varies says nothing and gets factor 0.

    >>> scaling = fit_scaling(np.array([[1.0], [3]]), np.array([[0.0], [9]]), taste_share=0.5)
    >>> scaling.points(np.array([[1.0], [3]]), np.array([[0.0], [9]])).var(axis=0).round(3).tolist()
    [0.5, 0.5]
    """
    if not (np.isfinite(rfm).all() and np.isfinite(taste).all()):
        raise ValueError("A value is missing or endless; leave such customers out.")
    spread = rfm.std(axis=0)
    varies = spread > 1e-9
    inverse = np.divide(1.0, spread, out=np.zeros_like(spread, dtype=float), where=varies)
    return Scaling(
        rfm_mean=rfm.mean(axis=0),
        rfm_factor=inverse * _scale_to(float(varies.sum()), 1 - taste_share),
        taste_mean=taste.mean(axis=0),
        taste_factor=_scale_to(float(taste.var(axis=0).sum()), taste_share),
    )
