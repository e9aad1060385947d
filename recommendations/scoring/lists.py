"""What the engine returns: the lists of one chunk of customers, column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Bools, Floats

NO_CANDIDATE = "NO_CANDIDATE"
"""Exclusion of stage "offer": a scenario fits, but no product survives the product rules."""

NO_ACTION = "NO_ACTION"
"""Exclusion of stage "offer": no scenario fits the customer."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Recommended products, sorted by customer row and rank.

    ``customer``, ``product``: int32 rows of the shop. ``rank``: int8 from 1. ``scenario``: int8
    place in `SCENARIOS`. ``explore``: bool, the slot's kind. ``score``: float64 0…100, two places.
    ``price``: float64, the list price or what was lately paid, NaN unknown. ``reasons``: one JSON
    object (UTF-8) each.
    """

    customer: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int8]
    scenario: npt.NDArray[np.int8]
    explore: Bools
    score: Floats
    price: Floats
    reasons: list[bytes]

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True, eq=False)
class Excluded:
    """Customers of the chunk without any item, by row, with the code and its evidence as JSON."""

    customer: npt.NDArray[np.int32]
    code: list[str]
    details: list[bytes]

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """One chunk: every customer row in ``customers`` is in ``items`` or in ``excluded``."""

    customers: npt.NDArray[np.int32]
    items: Items
    excluded: Excluded
