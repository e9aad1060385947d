"""When a product is bought again: intervals, and how due it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Floats, medians_of
from recommendations.scoring.history import History


def product_intervals(
    history: History, family: npt.NDArray[np.int32], families: int
) -> tuple[Floats, Floats]:
    """Return the median days between purchases of each product and of each family; NaN unknown.

    A product's interval is the median over its customers with at least two purchases, a family's
    the median over all of its products.
    """
    known = ~np.isnan(history.gap)
    products, gaps = history.product[known], history.gap[known].astype(np.float64)
    of_product = medians_of(products, gaps, len(family))
    grouped = family[products]
    named = grouped >= 0
    return of_product, medians_of(grouped[named], gaps[named], families)


def expected_interval(
    history: History, of_product: Floats, of_family: Floats, family: npt.NDArray[np.int32]
) -> Floats:
    """Return the days until each pair's next purchase; NaN where nothing is known.

    The customer's own median from three purchases on, else the product's, else the family's.
    """
    known_family = np.append(of_family, np.nan)[family]
    product = np.where(np.isnan(of_product), known_family, of_product)[history.product]
    return np.where(history.count >= 3, _else(history.gap, product), product)


def _else(first: npt.NDArray[np.float32], second: Floats) -> Floats:
    return np.where(np.isnan(first), second, first).astype(np.float64)


def due(days: npt.NDArray[np.int_], interval: Floats) -> Floats:
    """Return how due a product is: 0 soon after a purchase, 1 at its interval, .3 long after.

    Unknown intervals give NaN. From 2 intervals on it falls in a straight line to .3 at 6.

    >>> due(np.array([10, 15, 20, 40, 80, 120, 500]), np.full(7, 20.0)).round(2).tolist()
    [0.0, 0.5, 1.0, 1.0, 0.65, 0.3, 0.3]
    """
    ratio = days / interval
    rising = np.clip((ratio - 0.5) / 0.5, 0.0, 1.0)
    falling = np.clip(1.0 - 0.7 * (ratio - 2.0) / 4.0, 0.3, 1.0)
    return np.where(ratio <= 2.0, rising, falling)
