"""What one run learns from the whole shop before it looks at single customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Floats, Ints, Singles, ranges
from recommendations.scoring.catalogue import Catalogue, catalogue_of
from recommendations.scoring.cosine import cosine_matrix
from recommendations.scoring.due import expected_interval, product_intervals
from recommendations.scoring.ease import Similarity, co_purchases, ease_matrix
from recommendations.scoring.history import History, history_of, pair_keys
from recommendations.scoring.settings import SCENARIOS, RecoSettings
from recommendations.scoring.shop import NONE, Shop


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """Everything that is the same for all customers of a run.

    ``interval``: days until each pair's next purchase (`due.expected_interval`), per pair.
    ``product_interval``, ``family_interval``: the shop's medians. ``shop_gap``: median days between
    orders over customers. ``exported``, ``intents``: sorted pair keys of what was exported lately,
    and of products with a recent signal of intent.
    ``multipliers``: by scenario and segment, the last column for customers without one.
    ``repeat_base``: what popularity adds to the repeat signal of each product row.
    """

    shop: Shop
    settings: RecoSettings
    history: History
    catalogue: Catalogue
    similarity: Similarity
    interval: Floats
    product_interval: Floats
    family_interval: Floats
    shop_gap: float
    exported: Ints
    intents: Ints
    multipliers: Floats
    repeat_base: Floats


def learn(shop: Shop, settings: RecoSettings) -> Knowledge:
    """Return what ``shop`` teaches under ``settings``."""
    history = history_of(shop, settings.model)
    catalogue = catalogue_of(shop, history, settings)
    family = shop.products.family
    of_product, of_family = product_intervals(history, family, len(shop.products.families))
    model = settings.model
    known_gap = history.own_gap[~np.isnan(history.own_gap)]
    strong = shop.intents.value >= model.intent_min
    keys = pair_keys(shop, shop.intents.customer[strong], shop.intents.product[strong])
    base = model.repeat_popularity * catalogue.share / max(catalogue.share.max(initial=0), 1e-12)
    return Knowledge(
        shop=shop,
        settings=settings,
        history=history,
        catalogue=catalogue,
        similarity=similarity_of(history, catalogue, settings),
        interval=expected_interval(history, of_product, of_family, family),
        product_interval=of_product,
        family_interval=of_family,
        shop_gap=float(np.median(known_gap)) if len(known_gap) else float("nan"),
        exported=np.unique(pair_keys(shop, shop.exported.customer, shop.exported.product)),
        intents=np.unique(keys),
        multipliers=_multipliers(shop, settings),
        repeat_base=base + model.repeat_recent * catalogue.recent_share,
    )


def similarity_of(history: History, catalogue: Catalogue, settings: RecoSettings) -> Similarity:
    """Return what goes with what among the most bought products.

    Shrunk cosine where the shop has too few customers or products for EASE.
    """
    model = settings.model
    bought = np.flatnonzero(catalogue.buyers > 0)
    best = bought[np.argsort(-catalogue.tie[0][bought])]
    best = best[np.argsort(-catalogue.buyers[best], kind="stable")][: model.ease_products]
    column = np.full(len(catalogue.buyers), NONE, np.int32)
    column[best] = np.arange(len(best))
    together = co_purchases(history.offsets, column[history.product], len(best))
    customers = int((history.orders > 0).sum())
    small = customers < model.small_customers or len(bought) < model.small_products
    matrix = (
        cosine_matrix(together, model.cosine_shrink)
        if small
        else ease_matrix(together, model.ease_lambda)
    )
    name = "cosine" if small else "ease"
    return Similarity(name, best.astype(np.int32), column, matrix, together.astype(np.int32))


def _multipliers(shop: Shop, settings: RecoSettings) -> Floats:
    segments = (*shop.customers.segments, "")
    return np.array([[settings.multiplier(name, x) for x in segments] for name in SCENARIOS])


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some customers and their pairs. ``who``: place in ``rows``. ``days``: since last bought."""

    rows: Ints
    pair: Ints
    who: Ints
    product: npt.NDArray[np.int32]
    days: Ints
    own: Singles

    def __len__(self) -> int:
        return len(self.rows)


def block_of(known: Knowledge, rows: Ints) -> Block:
    """Return the customers in ``rows`` (ascending) with their pairs."""
    history = known.history
    pair, who = ranges(history.offsets[rows], history.offsets[rows + 1])
    days = known.shop.as_of - history.pair_last[pair].astype(np.int64)
    return Block(rows, pair, who, history.product[pair], days, history.own[pair])


def keyed_rows(known: Knowledge, sorted_keys: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return (place in ``rows``, product row) of each of ``sorted_keys`` that is of ``rows``."""
    size = max(1, len(known.shop.products))
    found, who = ranges(
        np.searchsorted(sorted_keys, rows * size), np.searchsorted(sorted_keys, (rows + 1) * size)
    )
    return who, sorted_keys[found] % size
