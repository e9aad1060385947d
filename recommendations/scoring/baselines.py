"""What anybody could recommend without us: the lines that our own lists have to beat.

Each baseline gives one number per customer of a chunk and product (larger is better, NaN means
"would not offer"). All choose from the same products; see `backtest_origins.Origin.allowed`.

G-TopFreq, P-TopFreq and GP-TopFreq as in Li, Jullien, Ariannezhad and de Rijke, "A Next Basket
Recommendation Reality Check" (TOIS 2023): most bought by all, by the customer, and the customer's
own filled up with the most bought by all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy

from recommendations.scoring.arrays import Floats, Singles
from recommendations.scoring.backtest_origins import Origin, random_scores
from recommendations.scoring.catalogue import buyers_since
from recommendations.scoring.ease import Similarity, ease_matrix

FILL = 0.05
"""Weight of popularity that fills up own counts: it only decides among products never bought."""

DECAY = 0.9


@dataclass(frozen=True, slots=True)
class Baseline:
    """A method and its name in the table. ``kind``: "any", "bought" (before) or "new" (never)."""

    name: str
    label: str
    kind: str
    scores: Callable[[Origin, int, int], Singles]


def _popular(origin: Origin, start: int, stop: int) -> Singles:
    return _for_all(origin.known.catalogue.buyers.astype(np.float64), start, stop)


def _popular_lately(origin: Origin, start: int, stop: int) -> Singles:
    return _for_all(latest(origin), start, stop)


def latest(origin: Origin) -> Floats:
    """Return the buyers of each product in the last 30 days; of equals, more buyers ever."""
    known = origin.known
    late = buyers_since(known.shop, known.history, known.settings.model.recent_days)
    ever = known.catalogue.buyers
    return late + ever / (1e-9 + 2.0 * max(1, int(ever.max(initial=1))))


def _for_all(values: Floats, start: int, stop: int) -> Singles:
    return np.tile(values.astype(np.float32), (stop - start, 1))


def _counts(origin: Origin, start: int, stop: int, *, decayed: bool) -> Singles:
    history = origin.known.history
    values = history.own if decayed else history.count
    return table_of(origin, values.astype(np.float32), start, stop)


def table_of(origin: Origin, values: Singles, start: int, stop: int) -> Singles:
    """Return one number per pair of the history as a table; 0 where nothing was bought."""
    return np.asarray(purchases(origin, values)[origin.rows[start:stop]].todense(), np.float32)


def purchases(origin: Origin, values: Singles) -> scipy.sparse.csr_matrix:
    """Return the history's pairs as a sparse table of all customers and products."""
    history = origin.known.history
    size = (len(origin.known.shop.customers), origin.products)
    return scipy.sparse.csr_matrix((values, history.product, history.offsets), shape=size)


def _own_counts(origin: Origin, start: int, stop: int) -> Singles:
    table = _counts(origin, start, stop, decayed=False)
    table[table == 0] = np.nan
    return table


def _own_filled(origin: Origin, start: int, stop: int) -> Singles:
    return _counts(origin, start, stop, decayed=False) + _fill(origin)


def _own_decayed(origin: Origin, start: int, stop: int) -> Singles:
    return _counts(origin, start, stop, decayed=True) + _fill(origin)


def _fill(origin: Origin) -> Singles:
    values = latest(origin)
    return (FILL * values / max(float(values.max(initial=0)), 1e-12)).astype(np.float32)


def _ease(origin: Origin, start: int, stop: int) -> Singles:
    """Return what the products bought say; of equals the popular one (it also fills up)."""
    similarity = origin.known.similarity
    binary = purchases(origin, np.ones(len(origin.known.history), np.float32))
    known = binary[origin.rows[start:stop]][:, similarity.products]
    table = (_fill(origin) * np.float32(1e-6)) * np.ones((stop - start, 1), np.float32)
    matrix = _matrix(similarity, origin.known.settings.model.ease_lambda)
    table[:, similarity.products] += np.asarray(known @ matrix, np.float32)
    return table


@lru_cache(maxsize=1)
def _matrix(similarity: Similarity, ridge: float) -> Singles:
    """Return EASE's matrix also where our own lists use another one, as in a small shop."""
    if similarity.name == "ease":
        return similarity.matrix
    return ease_matrix(similarity.together.astype(np.float64), ridge)


def _random(origin: Origin, start: int, stop: int) -> Singles:
    shape = (stop - start, origin.products)
    return random_scores(shape, origin.day * 1_000_003 + start).astype(np.float32)


SIMPLE = (
    Baseline("random", "Random", "any", _random),
    Baseline("popular", "Popularity, all time (G-TopFreq)", "any", _popular),
    Baseline("popular_30", "Popularity, last 30 days", "any", _popular_lately),
    Baseline("own_counts", "Own counts (P-TopFreq)", "bought", _own_counts),
    Baseline("own_filled", "Own counts, filled up (GP-TopFreq)", "any", _own_filled),
    Baseline("own_decayed", "Own decayed frequency, filled up", "any", _own_decayed),
    Baseline("ease", "EASE", "any", _ease),
    Baseline("ease_new", "EASE, only new products", "new", _ease),
)
"""The baselines that need nothing but this module."""

HELPERS = (
    Baseline("own_bought", "Own decayed frequency, only bought before", "bought", _own_decayed),
    Baseline("popular_new", "Popularity of 30 days, only new products", "new", _popular_lately),
)
"""What the items of one kind are compared with."""
