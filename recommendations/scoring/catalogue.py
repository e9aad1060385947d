"""What the whole shop knows of each product: price, popularity, and whether it may be offered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Bools, Floats, Ints, medians_of
from recommendations.scoring.history import History, pair_keys
from recommendations.scoring.settings import SCENARIOS, RecoSettings
from recommendations.scoring.shop import Shop

RULES = ("", "NOT_A_PRODUCT", "INACTIVE", "OUT_OF_STOCK", "NO_PRICE", "OUT_OF_SEASON")
"""Why a product may be offered to nobody, in the order of checking; "" is none of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Columns by product row.

    ``price``: the list price, else the median paid (then ``price_derived``), else NaN. ``rule``:
    place in `RULES`, 0 where the product may be offered. ``buyers``: customers who ever bought it.
    ``recent_buyers``: in the last ``popularity_days``; ``latest_buyers``: in the last
    ``recent_days``. ``share``, ``recent_share``: buyers per
    customer with an order, ever and in the last ``recent_days``. ``popularity``: 0…1, logarithmic.
    ``tie``: float64 of shape (scenarios, products), larger is better, all different: acceptance
    learned, then recent buyers, then buyers, then the article number.
    """

    price: Floats
    price_derived: Bools
    rule: npt.NDArray[np.int8]
    buyers: Ints
    recent_buyers: Ints
    latest_buyers: Ints
    share: Floats
    recent_share: Floats
    popularity: Floats
    tie: npt.NDArray[np.int32]

    @property
    def offered(self) -> Bools:
        """Return which products pass every rule that does not depend on the customer."""
        return np.asarray(self.rule == 0, np.bool_)


def catalogue_of(shop: Shop, history: History, settings: RecoSettings) -> Catalogue:
    """Return what is known of the products of ``shop``."""
    model, size = settings.model, len(shop.products)
    price, derived = effective_prices(shop, history, model.popularity_days)
    buyers = np.bincount(history.product, minlength=size).astype(np.int64)
    recent = buyers_since(shop, history, model.popularity_days)
    latest = buyers_since(shop, history, model.recent_days)
    customers = max(1, int((history.orders > 0).sum()))
    active = max(1, int((history.last_day > shop.as_of - model.recent_days).sum()))
    return Catalogue(
        price=price,
        price_derived=derived,
        rule=failing_rule(shop, price, require_price=settings.require_price),
        buyers=buyers,
        recent_buyers=recent,
        latest_buyers=latest,
        share=buyers / customers,
        recent_share=latest / active,
        popularity=np.log1p(recent) / max(float(np.log1p(recent.max(initial=0))), 1e-12),
        tie=_ties(shop, settings, buyers, recent),
    )


def effective_prices(shop: Shop, history: History, days: int) -> tuple[Floats, Bools]:
    """Return prices and which of them are derived: the median paid per piece.

    Taken from the last ``days`` where the product was sold in them, else from all of its sales.
    """
    lines = history.lines
    priced = (lines.money > 0) & (lines.quantity > 0)
    product, day = lines.product[priced], lines.day[priced]
    paid = lines.money[priced].astype(np.float64) / lines.quantity[priced]
    late = day > shop.as_of - days
    latest = medians_of(product[late], paid[late], len(shop.products))
    ever = medians_of(product, paid, len(shop.products))
    listed = ~np.isnan(shop.products.price)
    fallback = np.round(np.where(np.isnan(latest), ever, latest), 2)
    return np.where(listed, shop.products.price, fallback), ~listed & ~np.isnan(fallback)


def buyers_since(shop: Shop, history: History, days: int) -> Ints:
    """Return the customers who bought each product in the last ``days`` (as_of's day included)."""
    lines = history.lines
    late = lines.day > shop.as_of - days
    keys = np.unique(pair_keys(shop, lines.customer[late], lines.product[late]))
    size = len(shop.products)
    return np.bincount(keys % max(1, size), minlength=size).astype(np.int64)


def failing_rule(shop: Shop, price: Floats, *, require_price: bool) -> npt.NDArray[np.int8]:
    """Return the first rule of `RULES` that forbids each product, 0 where none does."""
    fails = _broken(shop, price, require_price=require_price)
    return np.select(fails, range(1, len(RULES)), default=0).astype(np.int8)


def failing_rules(shop: Shop, price: Floats, product: int, settings: RecoSettings) -> list[str]:
    """Return every rule of `RULES` that forbids one product (row)."""
    fails = _broken(shop, price, require_price=settings.require_price)
    return [rule for rule, broken in zip(RULES[1:], fails, strict=True) if broken[product]]


def _broken(shop: Shop, price: Floats, *, require_price: bool) -> list[Bools]:
    products = shop.products
    unpriced = np.isnan(price) | (price <= 0)
    return [
        ~products.goods,
        ~products.active,
        (products.stock == 0) | (products.stock < -1),
        unpriced & require_price,
        ~shop.in_season(),
    ]


def _ties(shop: Shop, settings: RecoSettings, buyers: Ints, recent: Ints) -> npt.NDArray[np.int32]:
    keys = shop.products.key
    place = {str(key): row for row, key in enumerate(keys)} if settings.acceptance else {}
    by_key = np.empty(len(keys), np.int64)
    by_key[np.argsort(keys, kind="stable")] = np.arange(len(keys))[::-1]
    ties = np.empty((len(SCENARIOS), len(keys)), np.int32)
    for code, scenario in enumerate(SCENARIOS):
        accepted = np.zeros(len(keys))
        for key in place.keys() & settings.acceptance.keys():
            accepted[place[key]] = settings.accepted(key, scenario)
        ties[code, np.lexsort((by_key, buyers, recent, accepted))] = np.arange(len(keys))
    return ties
