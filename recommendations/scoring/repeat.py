"""Products bought before: how strongly they call to be offered again, and which may be."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommendations.scoring import chance
from recommendations.scoring.arrays import (
    AnyArray,
    Bools,
    Floats,
    Ints,
    Singles,
    is_member,
    positions_within,
    starts_of,
)
from recommendations.scoring.due import due
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.scenarios import Fits

WINBACK, REBUY = 0, 1


def signal(known: Knowledge, block: Block, said: Floats) -> Floats:
    """Return the repeat signal of each of the block's pairs; ``said`` is EASE's word on them."""
    model = known.settings.model
    if model.signal == "chance":
        base = chance.of_products(known)[block.product]
        return chance.probability(chance.of_bought(known, block, base, said))
    own = model.repeat_own * block.own + model.repeat_ease * said
    strength = np.maximum(own + known.repeat_base[block.product], 0.0)
    if not model.due:
        return strength
    # A pair without any known interval is as due as any.
    readiness = due(block.days, known.interval[block.pair])
    return np.asarray(strength * np.where(np.isnan(readiness), 1.0, readiness), np.float64)


def waiting_days(known: Knowledge, pairs: Ints) -> Floats:
    """Return how many days after a purchase REBUY may offer each pair again."""
    settings = known.settings
    interval = known.interval[pairs]
    share = np.maximum(
        settings.recent_purchase_exclusion_days, settings.scenario.rebuy_interval_share * interval
    )
    fixed = max(settings.scenario.rebuy_min_recency_days, settings.recent_purchase_exclusion_days)
    return np.where(np.isnan(interval), fixed, share)


def allowed(known: Knowledge, block: Block, fits: Fits, *, avoid_exported: bool) -> Bools:
    """Return which pairs may be offered again to their customers."""
    settings, size = known.settings, max(1, len(known.shop.products))
    keys = block.rows[block.who] * size + block.product
    fine = known.catalogue.offered[block.product] & ~is_member(known.history.returned, keys)
    fine &= block.days >= settings.recent_purchase_exclusion_days
    if avoid_exported:
        fine &= ~is_member(known.exported, keys)
    timely = block.days >= waiting_days(known, block.pair)
    timely &= block.days <= settings.scenario.rebuy_max_recency_days
    scenario = fits.winback[block.who] | (fits.rebuy[block.who] & timely)
    return np.asarray(fine & scenario, np.bool_)


def own_products(
    known: Knowledge,
    block: Block,
    fits: Fits,
    said: Singles,
    *,
    count: int,
    avoid_exported: bool,
) -> tuple[Any, ...]:
    """Return the columns of `Candidates` for WINBACK's and REBUY's own products."""
    column = known.similarity.column[block.product]
    heard = np.zeros(len(column))
    inside = column >= 0
    heard[inside] = said[block.who[inside], column[inside]]
    strength = signal(known, block, heard)
    fine = np.flatnonzero(allowed(known, block, fits, avoid_exported=avoid_exported))
    place = fine[_leading(known, block, fine, strength[fine], count)]
    who = block.who[place]
    # The formula divides by the customer's largest signal, also of what may not be offered now.
    largest = np.zeros(len(block))
    np.maximum.at(largest, block.who, strength)
    return (
        who,
        block.product[place].astype(np.int64),
        np.where(fits.winback[who], WINBACK, REBUY).astype(np.int8),
        np.zeros(len(place), bool),
        block.pair[place],
        strength[place],
        strength[place] / np.maximum(largest[who], 1e-12),
        heard[place],
    )


def _leading(known: Knowledge, block: Block, fine: Ints, strength: Floats, count: int) -> Ints:
    """Return the best ``count`` of each customer, few of one family, and the best of the next.

    Whoever has enough families keeps the best of so many as the list has places.
    """
    settings = known.settings
    who, product = block.who[fine], block.product[fine]
    order = np.lexsort((-known.catalogue.tie[REBUY][product], -strength, who))
    family = known.shop.products.family[product][order]
    place = np.where(family >= 0, _places_by(who[order], family), 0)
    if settings.one_per_family:
        order, place = order[place < settings.max_recos], place[place < settings.max_recos]
    owner = who[order]
    kept = positions_within(starts_of(owner), len(order)) < count
    first = np.flatnonzero(place == 0)
    leading = positions_within(starts_of(owner[first]), len(first)) < settings.max_recos
    kept[first[leading]] = True
    return np.asarray(order[kept], np.int64)


def _places_by(who: AnyArray, family: AnyArray) -> Ints:
    """Return each row's place among those of its customer and family, in the order given."""
    grouped = np.lexsort((family, who))
    places = positions_within(starts_of(who[grouped], family[grouped]), len(grouped))
    result = np.empty(len(grouped), np.int64)
    result[grouped] = places
    return result
