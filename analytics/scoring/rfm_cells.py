"""The RFM map over arrays: which group each customer is in, with the cut points of these rows.

Used to see how stable the classical segments are: a resample gets cut points of its own, as a run
of the scoring would find them. The rule is that of :mod:`analytics.scoring.rfm`.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from analytics.scoring.rfm import STEPS

Floats = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.int64]
Cuts = Sequence[Sequence[float]]


def quantile_cuts(values: Floats) -> list[list[float]]:
    """Return four cut points for each of recency, frequency and money, one row per customer.

    >>> quantile_cuts(np.array([[7.0, 1, 1], [1, 1, 2], [1, 1, 3], [1, 1, 4], [9, 1, 5]]))[0]
    [1.0, 1.0, 1.0, 7.0]
    """
    shares = [step / 100 for step in STEPS]
    cuts = np.quantile(values, shares, axis=0, method="inverted_cdf").T.tolist()
    return cast("list[list[float]]", cuts)


def groups_of_cells(values: Floats, cells: Numbers, cuts: Cuts | None = None) -> Numbers:
    """Return the group of each customer; ``cells`` holds the groups of 111, 112, … to 555.

    >>> cells = np.arange(125)
    >>> values = np.array([[3.0, 6, 499.9], [900, 1, 5]])
    >>> groups_of_cells(values, cells, [(30, 60, 120, 365), (2, 5, 10, 20), (200, 500, 1000, 2000)])
    array([111,   0])
    """
    bands = [
        np.searchsorted(np.asarray(points), values[:, place], side="left")
        for place, points in enumerate(quantile_cuts(values) if cuts is None else cuts)
    ]
    found: Numbers = cells[25 * (4 - bands[0]) + 5 * bands[1] + bands[2]]
    return found
