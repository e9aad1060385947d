"""How likely a customer is to buy a product next, on one scale for repeats and for new products.

A logistic model of thirteen features that every shop has; with ``b`` = 1 where the customer bought
the product before, else 0:

* ``one`` 1; ``bought`` b; ``repeat`` b ln(1 + sum over own order days with it of decay ^ order days
  since); ``times`` b ln(1 + own order days with it); ``age`` b ln(1 + days since the last of them);
* ``pop`` ln(1 + buyers ever); ``pop_bought`` b pop; ``recent`` ln(1 + buyers of the last 30 days);
* ``like`` ln(1 + 20 max(0, what the products bought say, by EASE));
* ``orders_bought`` b ln(own order days); ``size_bought`` b ln(products per own order day);
* ``recent_bought`` b recent and ``like_bought`` b like: 0 as shipped. A back-test sets them where
  repeats are ordered by own frequency alone.

The default coefficients were fitted on one real shop's baskets before the last days and hold over
parts of it; a back-test fits a shop's own, pulled towards these. See docs/adr/0050.
"""

from __future__ import annotations

import numpy as np

from recommendations.scoring.arrays import Floats, Singles
from recommendations.scoring.knowledge import Block, Knowledge

LIKE_SCALE = 20.0


def probability(log_odds: Floats) -> Floats:
    """Return 1 / (1 + e^-z).

    >>> probability(np.array([0.0, 2.0])).round(3).tolist()
    [0.5, 0.881]
    """
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), np.float64)


def of_products(known: Knowledge) -> Floats:
    """Return the log odds of each product for somebody who never bought anything."""
    coef, catalogue = known.settings.chance, known.catalogue
    return np.asarray(
        coef["one"]
        + coef["pop"] * np.log1p(catalogue.buyers)
        + coef["recent"] * np.log1p(catalogue.latest_buyers),
        np.float64,
    )


def of_new(known: Knowledge, base: Singles, said: Singles) -> Singles:
    """Return the log odds of products never bought: ``base`` by column, ``said`` by EASE."""
    like = np.float32(known.settings.chance["like"])
    odds = np.maximum(said, np.float32(0))
    odds *= np.float32(LIKE_SCALE)
    np.log1p(odds, out=odds)
    odds *= like
    odds += base
    return odds


def of_bought(known: Knowledge, block: Block, base: Floats, said: Floats) -> Floats:
    """Return the log odds of the block's pairs: ``base`` and ``said`` per pair."""
    coef, history = known.settings.chance, known.history
    visits = np.maximum(history.visits[block.rows], 1).astype(np.float64)
    bought = np.bincount(block.who, weights=history.count[block.pair], minlength=len(block))
    size = np.maximum(bought, 1.0) / visits
    return np.asarray(
        base
        + coef["bought"]
        + coef["repeat"] * np.log1p(block.own.astype(np.float64))
        + coef["times"] * np.log1p(history.count[block.pair])
        + coef["age"] * np.log1p(np.maximum(block.days, 0))
        + coef["pop_bought"] * np.log1p(known.catalogue.buyers[block.product])
        + coef["recent_bought"] * np.log1p(known.catalogue.latest_buyers[block.product])
        + (coef["like"] + coef["like_bought"]) * np.log1p(LIKE_SCALE * np.maximum(said, 0.0))
        + (coef["orders_bought"] * np.log(visits) + coef["size_bought"] * np.log(size))[block.who],
        np.float64,
    )
