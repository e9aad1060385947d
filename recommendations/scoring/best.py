"""The best few columns of each row, quickly and with the same answer for equal values every time.

A value (float32) and a column become one whole number: the value's bits in the upper half, in an
order that whole numbers keep, and in the lower half a number that is larger for smaller columns.
So equal values fall to the column that stands first, and sorting needs no second look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Bools, Ints, Singles

NEVER = np.int64(np.iinfo(np.int64).min)
_LOW = np.int64(0xFFFFFFFF)


def packed(values: Singles) -> Ints:
    """Return one sortable key per value of a two-dimensional array.

    >>> keys = packed(np.array([[0.5, -1.0, 0.5]], np.float32))
    >>> np.argsort(-keys[0]).tolist(), unpacked(keys)[0].tolist()
    ([0, 2, 1], [0.5, -1.0, 0.5])
    """
    bits = (values + np.float32(0)).view(np.int32)
    ordered = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    keys = ordered.astype(np.int64)
    keys <<= 32
    keys |= np.arange(values.shape[1])[::-1]
    return keys


def unpacked(keys: Ints) -> Singles:
    """Return the values that `packed` keys hold; nonsense for NEVER."""
    ordered = (keys >> 32).astype(np.int32)
    return (ordered ^ ((ordered >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """Chosen cells: ``row``, ``column``, ``value``, ``rank`` among the row's allowed, from 0."""

    row: Ints
    column: Ints
    value: Singles
    rank: Ints


def best_of(
    keys: Ints, allowed: Bools, families: npt.NDArray[np.int32], *, count: int, different: int
) -> Best:
    """Return the ``count`` largest allowed cells of each row of ``keys`` (from `packed`).

    Where those are of fewer than ``different`` families, the best of other families come on top,
    if the row has any. A family of -1 is not known, and differs from all.
    """
    masked = np.where(allowed, keys, NEVER)
    width = masked.shape[1]
    if width > count:
        top = np.partition(masked, width - count, axis=1)[:, width - count :]
    else:
        top = masked.copy()
    top = np.sort(top, axis=1)[:, ::-1]
    place, rank = np.nonzero(top != NEVER)
    found = top[place, rank]
    chosen = [(place, found, rank)]
    if width > count and different > 1:
        chosen.append(_of_other_families(masked, top, families, different))
    rows, cells, ranks = (np.concatenate(parts) for parts in zip(*chosen, strict=True))
    column = width - 1 - (cells & _LOW)
    return Best(rows, column, unpacked(cells), ranks)


def _of_other_families(
    masked: Ints, top: Ints, families: npt.NDArray[np.int32], different: int
) -> tuple[Ints, Ints, Ints]:
    """Return (row, key, rank) of the best of further families, for rows that lack them."""
    width = masked.shape[1]
    full = top[:, -1] != NEVER
    several = np.sort(families[width - 1 - (top & _LOW)], axis=1)
    known = several[:, 1:] >= 0
    variety = (known & (np.diff(several, axis=1) != 0)).sum(axis=1) + (several[:, 0] >= 0)
    variety += (several == -1).sum(axis=1)
    poor = np.flatnonzero(full & (variety < different))
    left = masked[poor]
    rows, cells, ranks = [], [], []
    for _ in range(different):
        column = left.argmax(axis=1)
        key = left[np.arange(len(poor)), column]
        new = (key != NEVER) & (key < top[poor, -1])
        rows.append(poor[new])
        cells.append(key[new])
        ranks.append((masked[poor[new]] > key[new, None]).sum(axis=1))
        family = families[column]
        same = (families[None, :] == family[:, None]) & (family >= 0)[:, None]
        left[same] = NEVER
        left[np.arange(len(poor)), column] = NEVER
    return np.concatenate(rows), np.concatenate(cells), np.concatenate(ranks)
