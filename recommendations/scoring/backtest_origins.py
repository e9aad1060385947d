"""Past days from which a back-test looks ahead, and what each customer bought after them.

Everything an origin knows comes from the shop cut at the end of its day; the targets come from the
full shop. The catalogue has no history: which products are active or in stock is as it is today,
for every method alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Bools, Floats, Ints, starts_of
from recommendations.scoring.history import pair_keys
from recommendations.scoring.knowledge import Knowledge, learn
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop import Lines, Shop

Found = TypeVar("Found")

LOOK_AHEAD = 90
"""Days after an origin in which a next basket counts."""

LEAST_DAYS = 21
"""Days of orders without which there is nothing to look back at."""

SHORTEST, FEW = 7, 4
"""At least so many days apart; with fewer days than this, spacing shrinks."""

GROUPS = (("1", 1, 1), ("2-3", 2, 3), ("4-9", 4, 9), ("10+", 10, 1 << 60))
"""Groups of customers by their orders before the origin: name, from, to."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What customers bought: keys (place x products + product), ascending, and how many each."""

    keys: Ints
    count: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """One past day: what was known at its end, and what came after it.

    ``rows``: customer rows, ascending, who had ordered before and ordered again within
    `LOOK_AHEAD` days (or until the shop's last day); at most so many as were asked for.
    ``next_day``: day of that next order. ``basket``: products of the next order. ``later``:
    products of all orders within `LOOK_AHEAD` days. ``whole``: whether all of those days are known.
    ``bought``, ``recent``, ``returned``: keys of what each customer ever bought, bought too lately
    to be offered again, and sent back.
    """

    day: int
    known: Knowledge
    rows: Ints
    orders: Ints
    next_day: Ints
    basket: Targets
    later: Targets
    whole: bool
    bought: Ints
    recent: Ints
    returned: Ints

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def products(self) -> int:
        """Return how many products the catalogue has."""
        return len(self.known.shop.products)

    def table(self, keys: Ints, start: int, stop: int) -> Bools:
        """Return sorted keys as a table of the customers ``start`` to ``stop`` and all products."""
        size = self.products
        inside = keys[np.searchsorted(keys, start * size) : np.searchsorted(keys, stop * size)]
        table = np.zeros((stop - start) * size, bool)
        table[inside - start * size] = True
        return table.reshape(stop - start, size)

    def allowed(self, start: int, stop: int, *, exclusion: bool) -> Bools:
        """Return which products every method may choose from, for some customers."""
        table = np.tile(self.known.catalogue.offered, (stop - start, 1))
        table &= ~self.table(self.returned, start, stop)
        if exclusion:
            table &= ~self.table(self.recent, start, stop)
        return table


def origin_days(shop: Shop, *, count: int, spacing: int, least_history: int) -> list[int]:
    """Return up to ``count`` days, ascending, ``spacing`` apart; the last leaves that much ahead.

    A day before which fewer than ``least_history`` days of orders are known is left out. Where so
    long a past would leave fewer than `FEW` days, both numbers shrink, to a week at least.
    """
    if not len(shop.lines):
        return []
    first = int(shop.lines.day.min())
    last = min(shop.as_of, int(shop.lines.day.max()))
    if last - first < LEAST_DAYS:
        return []
    least = min(least_history, (last - first) // 3)
    apart = min(spacing, max(SHORTEST, (last - first - least) // FEW))
    days = [last - apart * step for step in range(1, count + 1)]
    return sorted(day for day in days if day >= first + least)


def origin_of(shop: Shop, day: int, settings: RecoSettings, *, limit: int, seed: int) -> Origin:
    """Return the origin ``day`` of ``shop``; ``limit``: at most so many customers are judged."""
    known = learn(shop.at(day), settings)
    lines = shop.lines
    ahead = lines.take((lines.day > day) & (lines.day <= day + LOOK_AHEAD))
    orders = known.history.orders
    rows = np.unique(ahead.customer[orders[ahead.customer] > 0]).astype(np.int64)
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:limit])
    ahead = ahead.take(np.isin(ahead.customer, rows))
    place = np.searchsorted(rows, ahead.customer)
    first = starts_of(ahead.customer)
    next_day = ahead.day[first].astype(np.int64)
    soonest = ahead.basket == ahead.basket[first][place]
    size = len(shop.products)
    return Origin(
        day=day,
        known=known,
        rows=rows,
        orders=orders[rows],
        next_day=next_day,
        basket=_targets(place[soonest], ahead.product[soonest], size, len(rows)),
        later=_targets(place, ahead.product, size, len(rows)),
        whole=day + LOOK_AHEAD <= min(shop.as_of, int(lines.day.max(initial=0))),
        **_past_keys(known, rows, settings.recent_purchase_exclusion_days),
    )


def _targets(
    place: npt.NDArray[np.int64], product: npt.NDArray[np.int32], size: int, rows: int
) -> Targets:
    keys = np.unique(place * size + product)
    return Targets(keys, np.bincount(keys // max(1, size), minlength=rows).astype(np.int64))


def _past_keys(known: Knowledge, rows: Ints, exclusion: int) -> dict[str, Ints]:
    """Return the keys of ``bought``, ``recent`` and ``returned`` for customers in ``rows``."""
    history = known.history
    keys = pair_keys(known.shop, history.customer, history.product)
    young = known.shop.as_of - history.pair_last < exclusion
    # What was returned in full is no purchase in the history; the rule on days sees every line.
    lines: Lines = known.shop.lines
    late = known.shop.as_of - lines.day < exclusion
    lately = np.unique(pair_keys(known.shop, lines.customer[late], lines.product[late]))
    size = max(1, len(known.shop.products))
    return {
        "bought": _placed(keys, rows, size),
        "recent": _placed(np.union1d(keys[young], lately), rows, size),
        "returned": _placed(history.returned, rows, size),
    }


def _placed(keys: Ints, rows: Ints, size: int) -> Ints:
    """Return keys of customer rows as keys of places in ``rows``; others are dropped."""
    customer = keys // size
    place = np.minimum(np.searchsorted(rows, customer), max(0, len(rows) - 1))
    there = rows[place] == customer if len(rows) else np.zeros(len(keys), bool)
    return np.sort(place[there] * size + keys[there] % size).astype(np.int64)


def group_of(orders: Ints) -> npt.NDArray[np.int8]:
    """Return each customer's place in `GROUPS`.

    >>> group_of(np.array([1, 2, 3, 4, 30])).tolist()
    [0, 1, 1, 2, 3]
    """
    return (np.searchsorted([low for _, low, _ in GROUPS], orders, side="right") - 1).astype(
        np.int8
    )


def in_order(groups: Mapping[str, Found]) -> list[tuple[str, Found]]:
    """Return what was found for each group in the order of `GROUPS`: JSON keeps none.

    >>> in_order({"1": 5, "10+": 2, "2-3": 4})
    [('1', 5), ('2-3', 4), ('10+', 2)]
    """
    return [(name, groups[name]) for name, _, _ in GROUPS if name in groups]


def random_scores(size: tuple[int, int], seed: int) -> Floats:
    """Return numbers that say nothing, the same for the same seed."""
    return np.random.default_rng(seed).random(size)
