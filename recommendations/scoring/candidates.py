"""Which products come into question for each customer of a block, by scenario, with one signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
import scipy

from recommendations.scoring import chance, repeat
from recommendations.scoring.arrays import Bools, Floats, Ints, Singles
from recommendations.scoring.best import NEVER, Best, best_of, packed
from recommendations.scoring.knowledge import Block, Knowledge, keyed_rows
from recommendations.scoring.scenarios import Fits
from recommendations.scoring.settings import SCENARIOS
from recommendations.scoring.shop import NONE
from recommendations.scoring.tastes import Tastes, divided

WINBACK, REBUY, CROSS_SELL, UPSELL, NURTURE = range(len(SCENARIOS))

Rule = Callable[[Ints], Bools]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One row per customer and product (and scenario). ``who``: place in the block.

    ``pair``: row of the history, -1 never bought. ``signal``: what orders the plain list; on one
    scale for both kinds if ``model.signal`` is "chance". ``value``: 0…1, the signal as a part of a
    weighted score. ``said``: what the products bought say about it.
    """

    who: Ints
    product: Ints
    scenario: npt.NDArray[np.int8]
    explore: Bools
    pair: Ints
    signal: Floats
    value: Floats
    said: Floats

    def __len__(self) -> int:
        return len(self.who)

    def take(self, chosen: Bools | Ints) -> Candidates:
        """Return the chosen rows."""
        return Candidates(*(getattr(self, spec.name)[chosen] for spec in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Model columns of a block: what the bought products say, sortable keys of the explore signal.

    ``keys`` are NEVER where a product may not be offered to the customer or was bought before.
    """

    said: Singles
    keys: Ints
    columns: npt.NDArray[np.int32]


def board_of(known: Knowledge, block: Block, *, avoid_exported: bool) -> Board:
    """Return the board of a block."""
    similarity = known.similarity
    columns = similarity.products
    column = similarity.column[block.product]
    bought = column >= 0
    offsets = np.searchsorted(block.who[bought], np.arange(len(block) + 1))
    baskets = scipy.sparse.csr_matrix(
        (np.ones(int(bought.sum()), np.float32), column[bought], offsets),
        shape=(len(block), len(columns)),
    )
    said = np.asarray(baskets @ similarity.matrix, np.float32)
    keys = packed(_explore_signal(known, said))
    keys[:, ~known.catalogue.offered[columns]] = NEVER
    keys[block.who[bought], column[bought]] = NEVER
    for who, product in _forbidden(known, block, avoid_exported=avoid_exported):
        place = similarity.column[product]
        keys[who[place >= 0], place[place >= 0]] = NEVER
    return Board(said, keys, columns)


def _forbidden(known: Knowledge, block: Block, *, avoid_exported: bool) -> list[tuple[Ints, Ints]]:
    found = [keyed_rows(known, known.history.returned, block.rows)]
    if avoid_exported and len(known.exported):
        found.append(keyed_rows(known, known.exported, block.rows))
    return found


def _explore_signal(known: Knowledge, said: Singles) -> Singles:
    columns = known.similarity.products
    if known.settings.model.signal == "chance":
        return chance.of_new(known, chance.of_products(known)[columns].astype(np.float32), said)
    model, catalogue = known.settings.model, known.catalogue
    base = (
        model.explore_popularity * catalogue.share + model.explore_recent * catalogue.recent_share
    )
    return said * np.float32(model.explore_ease) + base[columns].astype(np.float32)


def candidates_of(
    known: Knowledge,
    block: Block,
    fits: Fits,
    tastes: Tastes,
    *,
    count: int,
    avoid_exported: bool = True,
) -> Candidates:
    """Return the ``count`` best candidates of each customer and scenario, and a few more.

    The few are the best of further families where the best ones are of too few.
    """
    board = board_of(known, block, avoid_exported=avoid_exported)
    own = repeat.own_products(
        known, block, fits, board.said, count=count, avoid_exported=avoid_exported
    )
    rules = ProductRules(known, block, tastes)
    fitting: list[tuple[int, Bools, Rule]] = [
        (WINBACK, fits.winback, rules.own_family),
        (CROSS_SELL, fits.cross_sell, rules.cross_sell),
        (UPSELL, fits.upsell, rules.upsell),
        (NURTURE, fits.nurture, rules.nurture),
    ]
    parts = [Candidates(*own)]
    parts += [_chosen(known, block, board, *each, count=count) for each in fitting if each[1].any()]
    names = [spec.name for spec in fields(Candidates)]
    every = Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    return _relative(known, every, len(block))


def _chosen(
    known: Knowledge,
    block: Block,
    board: Board,
    scenario: int,
    fitting: Bools,
    rule: Rule,
    *,
    count: int,
) -> Candidates:
    """Return the best products that ``rule`` allows the customers whom the scenario fits."""
    places = np.flatnonzero(fitting)
    keys = board.keys[places]
    allowed = rule(places) & (keys != NEVER)
    columns, settings = board.columns, known.settings
    best = best_of(
        keys,
        allowed,
        known.shop.products.family[columns],
        count=count,
        different=settings.max_recos if settings.one_per_family else 1,
    )
    product = columns[best.column].astype(np.int64)
    signal, value = _measured(known, scenario, product, best, allowed)
    return Candidates(
        who=places[best.row],
        product=product,
        scenario=np.full(len(product), scenario, np.int8),
        explore=np.full(len(product), scenario != WINBACK),
        pair=np.full(len(product), NONE, np.int64),
        signal=signal,
        value=value,
        said=board.said[places[best.row], best.column].astype(np.float64),
    )


def _measured(
    known: Knowledge, scenario: int, product: Ints, best: Best, allowed: Bools
) -> tuple[Floats, Floats]:
    """Return the signal and, for the formula, its place among all allowed products as 0…1."""
    if known.settings.model.signal == "chance":
        odds = chance.probability(best.value.astype(np.float64))
        return odds, odds
    if scenario == WINBACK:
        base = known.repeat_base[product]
        return base, base
    others = np.maximum(allowed.sum(axis=1) - 1, 1)
    percentile = np.clip(1.0 - best.rank / others[best.row], 0.0, 1.0)
    return percentile, percentile


def _relative(known: Knowledge, every: Candidates, size: int) -> Candidates:
    """Divide by the customer's largest: all chances, or the formula's repeat signals."""
    ours = np.ones(len(every), bool)
    if known.settings.model.signal == "formula":
        ours = ~every.explore
    largest = np.zeros(size)
    np.maximum.at(largest, every.who[ours], every.signal[ours])
    value = np.where(ours, divided(every.signal, largest[every.who], 0.0), every.value)
    return replace(every, value=value)


class ProductRules:
    """What each scenario asks of a product; answers are (customers asked, model columns)."""

    def __init__(self, known: Knowledge, block: Block, tastes: Tastes) -> None:
        self.known, self.block, self.tastes = known, block, tastes
        self.columns = known.similarity.products
        products = known.shop.products
        self.family = products.family[self.columns]
        self.attr1 = products.attr1[self.columns]
        self.attr2 = products.attr2[self.columns]
        self.price = known.catalogue.price[self.columns]
        self.tier = products.tier[self.columns]

    def cross_sell(self, places: Ints) -> Bools:
        """Another family than the dominant one, bought by enough customers."""
        support = self.known.catalogue.buyers[self.columns]
        enough = support >= self.known.settings.scenario.cross_sell_min_support
        return np.asarray(~self.dominant(places) & enough, np.bool_)

    def upsell(self, places: Ints) -> Bools:
        """The same dominant family or half of the attributes, and a tier or price above."""
        return np.asarray(
            (self.dominant(places) | self._alike(places)) & self.higher(places), np.bool_
        )

    def nurture(self, places: Ints) -> Bools:
        """Own (or declared) families within fourfold of the own price."""
        own = self.known.history.unit_price[self.block.rows[places]][:, None]
        with np.errstate(invalid="ignore"):
            far = (self.price >= 4 * own) | (self.price <= own / 4)
        return np.asarray(self.own_family(places) & ~far, np.bool_)

    def own_family(self, places: Ints) -> Bools:
        """Families that the customer bought or declared; all where neither is known."""
        shares = self.tastes.family[places]
        mine = np.zeros((len(places), shares.shape[1] + 1), bool)
        mine[:, :-1] = shares > 0
        declared = self.known.shop.customers.declared_family[self.block.rows[places]]
        named = np.flatnonzero(declared >= 0)
        mine[named, declared[named]] = True
        mine[~mine.any(axis=1)] = True
        return mine[:, self.family]

    def dominant(self, places: Ints) -> Bools:
        """Products of the family that the customer spends most on."""
        dominant = self.tastes.dominant[places][:, None]
        return np.asarray((self.family == dominant) & (dominant >= 0), np.bool_)

    def _alike(self, places: Ints) -> Bools:
        """Half or more of the product's known attributes are the customer's first ones."""
        matches = np.zeros((len(places), len(self.columns)), np.int8)
        asked = np.zeros(len(self.columns), np.int8)
        for code, shares in ((self.attr1, self.tastes.attr1), (self.attr2, self.tastes.attr2)):
            if not shares.shape[1]:
                continue
            first = np.where(shares[places].any(axis=1), shares[places].argmax(axis=1), -2)
            matches += code == first[:, None]
            asked += code >= 0
        return np.asarray((2 * matches >= asked) & (matches > 0), np.bool_)

    def higher(self, places: Ints) -> Bools:
        """The tier is above the own one; where a tier is not known, the price is."""
        rules, history = self.known.settings.scenario, self.known.history
        rows = self.block.rows[places]
        own_tier, own_price = history.tier[rows][:, None], history.unit_price[rows][:, None]
        with np.errstate(invalid="ignore"):
            by_tier = self.tier >= own_tier + rules.upsell_min_tier_lift
            dearer = self.price > rules.upsell_price_from * own_price
            by_price = dearer & (self.price <= rules.upsell_price_to * own_price)
        has_tier = (self.tier >= 0) & ~np.isnan(own_tier)
        return np.asarray(np.where(has_tier, by_tier, by_price), np.bool_)
