"""Names of the array types, and grouping of sorted rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


def starts_of(*sorted_keys: AnyArray) -> Ints:
    """Return where each group of equal neighbouring keys begins.

    >>> starts_of(np.array([4, 4, 7, 7, 7]), np.array([1, 1, 1, 2, 2])).tolist()
    [0, 2, 3]
    """
    size = len(sorted_keys[0])
    if not size:
        return np.zeros(0, np.int64)
    new = np.ones(size, bool)
    new[1:] = False
    for key in sorted_keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new).astype(np.int64)


def positions_within(starts: Ints, size: int) -> Ints:
    """Return each row's place within its group, from 0.

    >>> positions_within(np.array([0, 2]), 5).tolist()
    [0, 1, 0, 1, 2]
    """
    lengths = np.diff(np.append(starts, size))
    return np.arange(size) - np.repeat(starts, lengths)


def medians_of(groups: AnyArray, values: Floats, size: int) -> Floats:
    """Return the median value of each group 0 … size - 1; NaN for a group without values.

    >>> medians_of(np.array([0, 2, 0, 2, 2]), np.array([1.0, 9, 3, 5, 7]), 3).tolist()
    [2.0, nan, 7.0]
    """
    order = np.lexsort((values, groups))
    ordered, keys = values[order], groups[order]
    starts = starts_of(keys)
    lengths = np.diff(np.append(starts, len(keys)))
    middle = np.full(size, np.nan)
    if len(starts):
        low, high = starts + (lengths - 1) // 2, starts + lengths // 2
        middle[keys[starts]] = (ordered[low] + ordered[high]) / 2
    return middle


def ranges(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return the numbers of all half-open ranges one after another, and which range each is of.

    >>> [x.tolist() for x in ranges(np.array([5, 0, 9]), np.array([7, 0, 10]))]
    [[5, 6, 9], [0, 0, 2]]
    """
    lengths = ends - starts
    which = np.repeat(np.arange(len(starts)), lengths)
    first = np.cumsum(lengths) - lengths
    return np.arange(len(which)) - first[which] + starts[which], which


def is_member(sorted_keys: Ints, keys: Ints) -> Bools:
    """Return which of ``keys`` are in ``sorted_keys``.

    >>> is_member(np.array([2, 5]), np.array([5, 6, 2])).tolist()
    [True, False, True]
    """
    if not len(sorted_keys):
        return np.zeros(len(keys), bool)
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[place] == keys, np.bool_)
