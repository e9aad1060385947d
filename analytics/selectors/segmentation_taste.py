"""The taste of customers as vectors and as weighed terms, as of a day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Taste:
    """A vector per customer (ids ascend, lengths 1), and what made them, in words."""

    ids: Ids
    vectors: npt.NDArray[np.float32]
    made_by: str


def taste(day: date) -> Taste | str:
    """Return everybody's taste as of the end of a day, or in words why there is none."""
    return "Nobody has been embedded yet."


def terms_of(day: date, customer_ids: Sequence[int]) -> Iterable[tuple[int, Mapping[str, float]]]:
    """Yield of each customer the values they buy, with the share of each in their revenue."""
    return ()
