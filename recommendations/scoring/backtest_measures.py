"""What lists are worth: hit-rate, recall, NDCG, and how varied they are.

A list is a row of product numbers, best first, -1 where nothing was offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import AnyArray, Bools, Floats, Ints, Singles, is_member
from recommendations.scoring.backtest_origins import Origin, Targets

LENGTH = 10
SHORT = 3

Places = npt.NDArray[np.int32]


def best_places(scores: Singles, allowed: Bools, length: int = LENGTH) -> Places:
    """Return the products with the best scores, best first; of equals the first in the catalogue.

    >>> scores = np.array([[1.0, 3, 2, np.nan]], np.float32)
    >>> best_places(scores, np.array([[True, True, False, True]]), 3).tolist()
    [[1, 0, -1]]
    """
    usable = allowed & ~np.isnan(scores)
    held = np.where(usable, scores, -np.inf)
    count = min(length, held.shape[1])
    if held.shape[1] > 4 * length:
        near = np.sort(np.argpartition(-held, count - 1, axis=1)[:, :count], axis=1)
    else:
        near = np.tile(np.arange(held.shape[1]), (len(held), 1))
    values = np.take_along_axis(held, near, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    chosen = np.take_along_axis(near, order, axis=1)
    there = np.take_along_axis(usable, chosen, axis=1)
    lists = np.full((len(held), length), -1, np.int32)
    lists[:, :count] = np.where(there, chosen, -1)
    return lists


def varied_places(scores: Singles, allowed: Bools, family: AnyArray) -> Places:
    """Return the best `SHORT` products of different families, as `best_places`.

    Products without a family (-1) count as different; what families cannot fill, the best fill.

    >>> scores, all_of_them = np.array([[4.0, 3, 2, 1]], np.float32), np.ones((1, 4), bool)
    >>> varied_places(scores, all_of_them, np.array([0, 0, 0, 1]))[:, :3].tolist()
    [[0, 3, 1]]
    """
    held = np.where(allowed & ~np.isnan(scores), scores, -np.inf)
    lists = np.full((len(held), LENGTH), -1, np.int32)
    if not held.shape[1]:
        return lists
    varied, every = held.copy(), np.arange(len(held))
    for place in range(SHORT):
        column = varied.argmax(axis=1)
        some = varied[every, column] > -np.inf
        column = np.where(some, column, held.argmax(axis=1))
        found = held[every, column] > -np.inf
        lists[found, place] = column[found]
        taken = family[column]
        varied[(family[None, :] == taken[:, None]) & (taken >= 0)[:, None]] = -np.inf
        varied[every, column] = -np.inf
        held[every, column] = -np.inf
    return lists


def lists_by(
    origin: Origin,
    scores: Callable[[Origin, int, int], Singles],
    *,
    kind: str,
    exclusion: bool,
    chunk: int,
    family: AnyArray | None = None,
) -> Places:
    """Return the lists of one method for all customers of an origin, in bounded memory.

    ``family``: of each product, if no list may have two of one.
    """
    parts = [np.zeros((0, LENGTH), np.int32)]
    for start in range(0, len(origin), chunk):
        stop = min(start + chunk, len(origin))
        allowed = origin.allowed(start, stop, exclusion=exclusion)
        if kind != "any":
            bought = origin.table(origin.bought, start, stop)
            allowed &= bought if kind == "bought" else ~bought
        found = scores(origin, start, stop)
        parts.append(
            best_places(found, allowed) if family is None else varied_places(found, allowed, family)
        )
    return np.concatenate(parts)


def member(lists: Places, keys: Ints, products: int) -> Bools:
    """Return which items of the lists are among sorted keys (place x products + product)."""
    asked = np.arange(len(lists), dtype=np.int64)[:, None] * products + lists
    return np.asarray(is_member(keys, asked.ravel()).reshape(lists.shape) & (lists >= 0), np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """One number per customer and measure; NaN where a measure says nothing about a customer."""

    values: dict[str, Floats]


def ndcg(hits: Bools, relevant: Ints, length: int) -> Floats:
    """Return the normalised discounted cumulative gain of the first ``length`` places.

    >>> ndcg(np.array([[True, False, False], [False, True, False]]), np.array([1, 2]), 3).round(3)
    array([1.   , 0.387])
    """
    discount = 1.0 / np.log2(np.arange(length) + 2.0)
    best = np.concatenate(([np.nan], np.cumsum(discount)))
    return np.asarray(
        (hits[:, :length] * discount).sum(axis=1) / best[np.minimum(relevant, length)]
    )


def worth_of(origin: Origin, lists: Places, targets: Targets, length: int) -> Worth:
    """Return the measures of lists cut at ``length``.

    ``hit``: 1 if any item was bought. ``recall``, ``ndcg``: as usual; those ending in ``_repeat``
    and ``_explore`` look only at targets that were bought before, or never. ``full``: 1 if the list
    has ``length`` items.
    """
    cut = lists[:, :length]
    hits = member(cut, targets.keys, origin.products)
    before = is_member(origin.bought, targets.keys)
    found: dict[str, Floats] = {
        "hit": np.asarray(hits.any(axis=1), np.float64),
        "recall": _recall(hits, targets.count),
        "ndcg": ndcg(hits, targets.count, length),
        "full": np.asarray((cut >= 0).all(axis=1), np.float64),
    }
    for name, keys in (("repeat", targets.keys[before]), ("explore", targets.keys[~before])):
        count = np.bincount(keys // max(1, origin.products), minlength=len(origin))
        part = member(cut, keys, origin.products)
        found[f"recall_{name}"] = _recall(part, count)
        found[f"ndcg_{name}"] = ndcg(part, count, length)
        found[f"hit_{name}"] = np.asarray(np.where(count > 0, part.any(axis=1), np.nan))
    return Worth(found)


def _recall(hits: Bools, relevant: Ints) -> Floats:
    return np.asarray(np.where(relevant > 0, hits.sum(axis=1) / np.maximum(relevant, 1), np.nan))


def variety(shown: Ints, offered: Bools, popularity: Floats) -> dict[str, float | None]:
    """Return how varied lists are, from how often each product stands in one.

    ``coverage``: share of the products on offer that stand in any list. ``gini``: 0 all products
    equally often, 1 always the same one. ``popularity``: mean buyers of a listed product.

    >>> variety(np.array([2, 2, 0, 0]), np.ones(4, bool), np.array([4.0, 2, 1, 1]))
    {'coverage': 0.5, 'gini': 0.5, 'popularity': 3.0}
    """
    counts = np.sort(shown[offered])
    total, size = int(counts.sum()), len(counts)
    if not total:
        return {"coverage": None, "gini": None, "popularity": None}
    ranks = np.arange(1, size + 1)
    gini = float((2 * ranks - size - 1) @ counts / (size * total))
    mean = float(shown @ popularity / shown.sum())
    return {
        "coverage": round(float((counts > 0).mean()), 6),
        "gini": round(gini, 6),
        "popularity": round(mean, 4),
    }
