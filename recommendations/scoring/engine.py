"""From a shop and settings to ranked lists with reasons, chunk by chunk.

Customers do not influence each other once the shop is learned, and no answer depends on the size of
a chunk: the same shop and settings give the same bytes. Memory of a chunk is bounded by
`CELLS` numbers per table, whatever the size of the shop.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import (
    AnyArray,
    Bools,
    Ints,
    is_member,
    positions_within,
    starts_of,
)
from recommendations.scoring.candidates import Candidates, candidates_of
from recommendations.scoring.exclusions import details_of
from recommendations.scoring.knowledge import Block, Knowledge, block_of, keyed_rows, learn
from recommendations.scoring.lists import NO_ACTION, NO_CANDIDATE, Excluded, Items, Lists
from recommendations.scoring.reasons import reasons_of
from recommendations.scoring.scenarios import Fits, fits_of
from recommendations.scoring.score import scores_of
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop import Shop
from recommendations.scoring.slots import chosen_of
from recommendations.scoring.tastes import Tastes, tastes_of

CELLS = 1_000_000
"""Cells of the largest table of a chunk (customers x products of the model)."""


def recommend(
    shop: Shop,
    settings: RecoSettings,
    *,
    mode: str | None = None,
    customers: npt.ArrayLike | None = None,
    chunk: int | None = None,
    reasons: bool = True,
    known: Knowledge | None = None,
    workers: int = 2,
) -> Iterator[Lists]:
    """Yield the lists of all customers of ``shop``, in ascending order of their rows.

    ``mode``: "weighted" or "signals"; by default that of the settings ("auto" is "signals").
    ``customers``: rows, all by default. ``reasons`` off leaves them empty (back-tests). ``known``:
    what `learn` returned for the same shop and settings, to be asked more than once. ``workers``:
    threads, each with a chunk of its own.
    """
    with _older_things_aside():
        known = known or learn(shop, settings)
        mode = mode or ("signals" if settings.mode == "auto" else settings.mode)
        every = np.arange(len(shop.customers))
        rows = every if customers is None else np.unique(np.asarray(customers, np.int64))
        size = chunk or chunk_size(known)
        chunks = (rows[start : start + size] for start in range(0, len(rows), size))
        work = partial(lists_of, known, mode=mode, reasons=reasons)
        if workers <= 1 or len(rows) <= size:
            yield from map(work, chunks)
        else:
            yield from _in_order(work, chunks, workers)


@contextmanager
def _older_things_aside() -> Iterator[None]:
    """Keep what is loaded already out of the collector's sight.

    Reasons are many small objects, so it comes often; looking through all of Django each time took
    a quarter of a run.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _in_order(
    work: Callable[[Ints], Lists], chunks: Iterator[Ints], workers: int
) -> Iterator[Lists]:
    """Yield the lists of each chunk in turn; never more than two chunks ahead of the reader."""
    waiting: deque[Future[Lists]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="recommend") as pool:
        try:
            for chunk in chunks:
                waiting.append(pool.submit(work, chunk))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def chunk_size(known: Knowledge) -> int:
    """Return how many customers keep the tables of a chunk within `CELLS`."""
    products = known.shop.products
    widths = (
        len(known.similarity.products),
        len(products.families),
        len(products.attr1_names),
        len(products.attr2_names),
        64,
    )
    return max(64, min(8192, CELLS // max(widths)))


def lists_of(known: Knowledge, rows: Ints, *, mode: str, reasons: bool = True) -> Lists:
    """Return the lists of the customers in ``rows`` (ascending)."""
    avoid = known.settings.avoid_exported and bool(len(known.exported))
    part = _part(known, rows, mode=mode, reasons=reasons, avoid_exported=avoid)
    if avoid:
        part = _with_exported(known, part, mode=mode, reasons=reasons)
    lacking = ~is_member(np.unique(part.items.customer), rows)
    places = np.flatnonzero(lacking)
    codes = np.where(part.fits.any[places], NO_CANDIDATE, NO_ACTION).tolist()
    details = (
        details_of(known, part.block, part.fits, part.tastes, places)
        if reasons
        else [b"{}"] * len(places)
    )
    excluded = Excluded(rows[places].astype(np.int32), codes, details)
    return Lists(rows.astype(np.int32), part.items, excluded)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    block: Block
    fits: Fits
    tastes: Tastes
    items: Items


def _part(known: Knowledge, rows: Ints, *, mode: str, reasons: bool, avoid_exported: bool) -> _Part:
    block = block_of(known, rows)
    tastes = tastes_of(known, block)
    fits = fits_of(known, block, tastes)
    # The plain order keeps the order within a scenario: more than twice the places are never used.
    settings = known.settings
    count = 2 * settings.max_recos if mode == "signals" else settings.model.candidates
    found = candidates_of(known, block, fits, tastes, count=count, avoid_exported=avoid_exported)
    scores = scores_of(known, block, tastes, found, mode=mode)
    chosen = chosen_of(known, found, scores, fits.orders)
    chosen = chosen[_enough(known, found.who[chosen])]
    chosen, change = _intents_first(known, block, found, chosen)
    found, scores = found.take(chosen), scores.take(chosen)
    texts = [b"{}"] * len(found)
    if reasons:
        texts = reasons_of(known, block, tastes, found, scores, mode=mode, rank_change=change)
    items = Items(
        customer=rows[found.who].astype(np.int32),
        product=found.product.astype(np.int32),
        rank=(1 + positions_within(starts_of(found.who), len(found))).astype(np.int8),
        scenario=found.scenario,
        explore=found.explore,
        score=scores.score,
        price=np.round(known.catalogue.price[found.product], 2),
        reasons=texts,
    )
    return _Part(block, fits, tastes, items)


def _enough(known: Knowledge, who: Ints) -> Bools:
    """Return which items belong to lists of at least ``min_recos``."""
    counts = np.bincount(who, minlength=1)
    return np.asarray(counts[who] >= known.settings.min_recos, np.bool_)


def _intents_first(
    known: Knowledge, block: Block, found: Candidates, chosen: Ints
) -> tuple[Ints, Ints]:
    """Raise each product with a recent signal of intent by one rank, and say so."""
    change = np.zeros(len(chosen), np.int8)
    if not len(known.intents):
        return chosen, change.astype(np.int64)
    size = max(1, len(known.shop.products))
    who = found.who[chosen]
    meant = is_member(known.intents, block.rows[who] * size + found.product[chosen])
    chosen = chosen.copy()
    for place in np.flatnonzero(meant).tolist():
        before = place - 1
        if place and who[before] == who[place] and not meant[before]:
            chosen[[before, place]] = chosen[[place, before]]
            change[before], meant[before], meant[place] = 1, True, False
    return chosen, change.astype(np.int64)


def _with_exported(known: Knowledge, part: _Part, *, mode: str, reasons: bool) -> _Part:
    """Give those who got nothing what was exported lately: nothing else is left for them."""
    rows = part.block.rows
    who, _ = keyed_rows(known, known.exported, rows)
    lacking = ~is_member(np.unique(part.items.customer), rows)
    again = np.unique(who[lacking[who]])
    if not len(again):
        return part
    more = _part(known, rows[again], mode=mode, reasons=reasons, avoid_exported=False)
    return _Part(part.block, part.fits, part.tastes, _merged(part.items, more.items))


def _merged(first: Items, second: Items) -> Items:
    """Return the items of both, by customer; no customer is in both."""
    order = np.argsort(np.concatenate((first.customer, second.customer)), kind="stable")
    texts = first.reasons + second.reasons

    def joined(name: str) -> AnyArray:
        return np.concatenate((getattr(first, name), getattr(second, name)))[order]

    return Items(
        customer=joined("customer"),
        product=joined("product"),
        rank=joined("rank"),
        scenario=joined("scenario"),
        explore=joined("explore"),
        score=joined("score"),
        price=joined("price"),
        reasons=[texts[place] for place in order.tolist()],
    )
