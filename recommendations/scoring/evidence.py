"""What proves each component of a score: order lines, co-bought products, shares, prices.

Everything here is data (ids, numbers, ISO dates, names of the catalogue), never a sentence: words
are made when a person reads, in the reader's language.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from recommendations.scoring.arrays import AnyArray, Bools, Floats, Ints, ranges, starts_of
from recommendations.scoring.best import NEVER, packed, unpacked
from recommendations.scoring.candidates import Candidates
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.tastes import Tastes
from recommendations.scoring.told import Because

Evidence = list[dict[str, Any]]
MOST_LINES = 5
MOST_PRODUCTS = 3
_LOW = np.int64(0xFFFFFFFF)


@lru_cache(maxsize=100_000)
def iso(day: int) -> str:
    """Return a whole day number as an ISO date.

    >>> iso(date(2011, 12, 1).toordinal())
    '2011-12-01'
    """
    return date.fromordinal(day).isoformat()


def newest_lines(known: Knowledge, pairs: Ints) -> list[list[int]]:
    """Return the ids of the newest order lines of each pair, newest first; none for pair -1."""
    history = known.history
    ends = np.concatenate(([0], history.line_ends))
    start, end = ends[pairs], ends[pairs + 1]
    start = np.where(pairs < 0, end, start)
    place = end[:, None] - 1 - np.arange(MOST_LINES)
    inside = place >= start[:, None]
    lines = history.lines.line[np.where(inside, place, 0)] if len(history.lines) else place
    counts = inside.sum(axis=1).tolist()
    return [ids[:count] for ids, count in zip(lines.tolist(), counts, strict=True)]


def bought_before(known: Knowledge, found: Candidates) -> Evidence:
    """Return how often and when each candidate was bought; an empty dict for new products."""
    history, pairs = known.history, found.pair
    some = pairs >= 0
    times = history.count[pairs].tolist() if len(history) else [0] * len(pairs)
    last = history.pair_last[pairs].tolist() if len(history) else [0] * len(pairs)
    return [
        {"times": count, "last_on": iso(day), "lines": lines} if bought else {}
        for bought, count, day, lines in zip(
            some.tolist(), times, last, newest_lines(known, pairs), strict=True
        )
    ]


def intervals(known: Knowledge, found: Candidates) -> Evidence:
    """Return days since the last purchase, the expected interval and where it is from."""
    history, products = known.history, known.shop.products
    if not len(history):
        return [{} for _ in range(len(found))]
    gap = np.where(found.pair >= 0, known.interval[found.pair], np.nan)
    days = known.shop.as_of - history.pair_last[found.pair]
    own = (history.count[found.pair] >= 3) & ~np.isnan(history.gap[found.pair])
    by_product = ~np.isnan(known.product_interval[found.product])
    source = np.select([own, by_product], [0, 1], 2).tolist()
    del products
    return [
        {"days": since, "gap": round(each, 1), "source": ("own", "product", "family")[place]}
        if each == each  # not NaN
        else {}
        for since, each, place in zip(days.tolist(), gap.tolist(), source, strict=True)
    ]


def since_bought(known: Knowledge, found: Candidates) -> Evidence:
    """Return the day of the last purchase and the days since; an empty dict for new products."""
    if not len(known.history):
        return [{} for _ in range(len(found))]
    last = known.history.pair_last[found.pair].tolist()
    as_of = known.shop.as_of
    return [
        {"days": as_of - day, "last_on": iso(day)} if pair >= 0 else {}
        for day, pair in zip(last, found.pair.tolist(), strict=True)
    ]


def heard(known: Knowledge, found: Candidates) -> Evidence:
    """Return what the bought products say together, and how many customers bought this one."""
    buyers = known.catalogue.buyers[found.product].tolist()
    said = np.round(found.said, 4).tolist()
    return [{"share": each, "buyers": count} for each, count in zip(said, buyers, strict=True)]


def shares(
    known: Knowledge, block: Block, found: Candidates, column: str, share: Floats
) -> Evidence:
    """Return the customer's share of spend in the product's value of ``column``."""
    products, history = known.shop.products, known.history
    names = products.families if column == "family" else getattr(products, f"{column}_names")
    code = getattr(products, column)[found.product]
    rows = block.rows[found.who]
    part = share[found.who, code] if share.shape[1] else np.zeros(len(found))
    return [
        {"value": names[place], "share": each, "since": iso(first), "orders": count}
        if place >= 0 and first > 0
        else {}
        for place, each, first, count in zip(
            code.tolist(),
            np.round(part, 3).tolist(),
            history.first_day[rows].tolist(),
            history.orders[rows].tolist(),
            strict=True,
        )
    ]


def prices(known: Knowledge, block: Block, found: Candidates) -> Evidence:
    """Return the product's price and the customer's median price paid, as texts."""
    price = known.catalogue.price[found.product].tolist()
    own = known.history.unit_price[block.rows[found.who]].tolist()
    return [
        {"price": f"{each:.2f}", "median": f"{mine:.2f}"}
        for each, mine in zip(price, own, strict=True)
    ]


def tiers(known: Knowledge, block: Block, found: Candidates) -> Evidence:
    """Return the product's tier and the customer's; prices where a tier is not known."""
    own = known.history.tier[block.rows[found.who]]
    tier = known.shop.products.tier[found.product]
    by_price = prices(known, block, found)
    return [
        {"tier": each, "own": round(mine, 2)} if each >= 0 and mine == mine else priced
        for each, mine, priced in zip(tier.tolist(), own.tolist(), by_price, strict=True)
    ]


def aromas(known: Knowledge, tastes: Tastes, found: Candidates, axes: tuple[str, ...]) -> Evidence:
    """Return the customer's strongest aromas and how sure they are."""
    profile = tastes.profile[found.who]
    confidence = tastes.confidence[found.who]
    strongest = np.argsort(-np.nan_to_num(profile, nan=-1.0), axis=1, kind="stable")[:, :2]
    return [
        {"axes": [axes[place] for place in first], "confidence": round(sure, 3), "level": level}
        for first, sure, level in zip(
            strongest.tolist(), confidence.tolist(), levels(confidence), strict=True
        )
    ]


def levels(confidence: Floats) -> list[str]:
    """Return low below .45, medium below .70, high above; none where nothing is known.

    >>> levels(np.array([0.1, 0.45, 0.7, np.nan]))
    ['low', 'medium', 'high', 'none']
    """
    names = ("low", "medium", "high", "none")
    place = np.where(np.isnan(confidence), 3, np.digitize(confidence, (0.45, 0.7)))
    return [names[each] for each in place.tolist()]


def popularity(known: Knowledge, found: Candidates) -> Evidence:
    """Return how many customers bought the product lately."""
    days = known.settings.model.popularity_days
    buyers = known.catalogue.recent_buyers[found.product].tolist()
    return [{"buyers": count, "days": days} for count in buyers]


def demand(known: Knowledge, found: Candidates) -> Evidence:
    """Return how many customers bought the product in the days that a chance looks back."""
    days = known.settings.model.recent_days
    buyers = known.catalogue.latest_buyers[found.product].tolist()
    return [{"buyers": count, "days": days} for count in buyers]


def because_of(
    known: Knowledge, block: Block, found: Candidates, asked: Bools
) -> list[list[Because]]:
    """Return, for each candidate ``asked``, the products bought that say most for it, with proof.

    The contributions are the exact terms of the model's sum.
    """
    result: list[list[Because]] = [[] for _ in range(len(found))]
    similarity = known.similarity
    target = similarity.column[found.product]
    wanted = np.flatnonzero((target >= 0) & asked)
    ends = np.searchsorted(block.who, np.arange(len(block) + 1))
    pair, item = ranges(ends[found.who[wanted]], ends[found.who[wanted] + 1])
    source = similarity.column[block.product[pair]]
    inside = source >= 0
    pair, item, source = pair[inside], item[inside], source[inside]
    said = similarity.matrix[source, target[asked][item]]
    for place, strength in _largest(said, item):
        owner = wanted[item[place]]
        together = similarity.together[source[place], target[owner]].tolist()
        bought = block.product[pair[place]]
        proof = newest_lines(known, block.pair[pair[place]])
        keys = known.shop.products.id[bought].tolist()
        columns = zip(owner.tolist(), keys, strength.tolist(), proof, together, strict=True)
        for each, product, worth, lines, buyers in columns:
            result[each].append(Because(product, worth, lines, buyers))
    return result


def _largest(said: AnyArray, item: Ints) -> list[tuple[Ints, Floats]]:
    """Return, up to three times, the place of each item's largest positive word and its value."""
    starts = starts_of(item)
    found: list[tuple[Ints, Floats]] = []
    if not len(starts):
        return found
    keys = (packed(said.reshape(-1, 1))[:, 0] & ~_LOW) | np.arange(len(said))[::-1]
    for _ in range(MOST_PRODUCTS):
        best = np.maximum.reduceat(keys, starts)
        fine: Bools = (best != NEVER) & (unpacked(best) > 0)
        place = len(said) - 1 - (best[fine] & _LOW)
        found.append((place, np.round(said[place].astype(np.float64), 4)))
        keys[place] = NEVER
    return found
