"""The chance of a purchase taken apart: what each thing known of a product adds to the log odds.

Counted from an ordinary product: one the customer never bought, that nothing bought speaks for, and
whose demand is the mean of what the shop offers. So ``start`` is that product's log odds, and all
addends together are those of the candidate (`chance.py` names the features):

* ``repeat``: all that counts only because the product was bought before: ``bought``, ``repeat``,
  ``times`` and all that end in ``_bought``; 0 for new products;
* ``age``: the time since it was bought last;
* ``popularity``: ``pop`` and ``recent``, less their mean over the products offered;
* ``bought_together``: ``like``, what the products bought say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommendations.scoring import chance
from recommendations.scoring.arrays import Floats
from recommendations.scoring.candidates import Candidates
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.told import LogOdds

START = "start"
NAMES = ("repeat", "age", "popularity", "bought_together")


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """``start``: log odds of an ordinary product. ``table``: addends by candidate and `NAMES`."""

    start: float
    table: Floats


def terms_of(known: Knowledge, block: Block, found: Candidates) -> Terms:
    """Return the addends of each candidate's log odds."""
    coef, catalogue = known.settings.chance, known.catalogue
    of_products = chance.of_products(known)
    offered = of_products[catalogue.offered]
    start = float(offered.mean()) if len(offered) else coef["one"]
    table = np.zeros((len(found), len(NAMES)))
    table[:, 2] = of_products[found.product] - start
    table[:, 3] = coef["like"] * np.log1p(chance.LIKE_SCALE * np.maximum(found.said, 0.0))
    again = np.flatnonzero(found.pair >= 0)
    table[again, 0], table[again, 1] = _of_again(known, block, found.take(again))
    return Terms(start, table)


def _of_again(known: Knowledge, block: Block, found: Candidates) -> tuple[Floats, Floats]:
    """Return what having bought it adds, and what the time since then does."""
    coef, history = known.settings.chance, known.history
    visits = np.maximum(history.visits[block.rows[found.who]], 1).astype(np.float64)
    bought = np.bincount(block.who, weights=history.count[block.pair], minlength=len(block))
    size = np.maximum(bought[found.who], 1.0) / visits
    days = np.maximum(known.shop.as_of - history.pair_last[found.pair], 0)
    habit = (
        coef["bought"]
        + coef["repeat"] * np.log1p(history.own[found.pair].astype(np.float64))
        + coef["times"] * np.log1p(history.count[found.pair])
        + coef["pop_bought"] * np.log1p(known.catalogue.buyers[found.product])
        + coef["recent_bought"] * np.log1p(known.catalogue.latest_buyers[found.product])
        + coef["like_bought"] * np.log1p(chance.LIKE_SCALE * np.maximum(found.said, 0.0))
        + coef["orders_bought"] * np.log(visits)
        + coef["size_bought"] * np.log(size)
    )
    return np.asarray(habit, np.float64), np.asarray(coef["age"] * np.log1p(days), np.float64)


def log_odds(terms: Terms) -> list[LogOdds]:
    """Return the addends of each candidate by name; they sum up to ln(p / (1 - p))."""
    start = round(terms.start, 3)
    # Adding 0 turns -0 into 0.
    return [LogOdds(start, *row) for row in (np.round(terms.table, 3) + 0.0).tolist()]


def points_of(terms: Terms, signal: Floats, full: Floats) -> tuple[Floats, Floats]:
    """Return points of ``start`` and of each addend; together they are ``full``, the score.

    ``signal``: the chances. ``start`` gets what the ordinary product would score. The rest is
    shared in proportion to the log odds: for a function of a sum, that is the attribution of
    Aumann and Shapley (integrated gradients from the ordinary product to this one).

    >>> terms = Terms(-2.0, np.array([[2.0, -0.5, 0.0, 0.5]]))
    >>> start, rest = points_of(terms, np.array([0.5]), np.array([80.0]))
    >>> start.round(2).tolist(), rest.round(2).tolist()
    ([19.07], [[60.93, -15.23, 0.0, 15.23]])
    """
    ordinary = chance.probability(np.array([terms.start]))
    # Score for one unit of chance: the same for all candidates of a customer and scenario.
    unit = np.divide(full, signal, out=np.zeros(len(full)), where=signal > 0)
    start = unit * ordinary
    lift = terms.table.sum(axis=1)
    slope = unit * ordinary * (1.0 - ordinary)
    steep = np.abs(lift) > 1e-6
    slope = np.divide(full - start, lift, out=slope, where=steep)
    return start, slope[:, None] * terms.table
