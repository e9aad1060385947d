"""TIFU-kNN: own frequencies with two decays, mixed with those of the most alike customers.

Hu, He, Gao and Zhang, "Modeling Personalized Item Frequency Information for Next-basket
Recommendation" (SIGIR 2020). A customer's baskets are cut into groups; baskets fade within a group,
groups fade against each other; the mean of the nearest customers' vectors is added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from recommendations.scoring.arrays import Floats, Ints, Singles


@dataclass(frozen=True, slots=True)
class Tifu:
    """Parameters, by default those published for TaFeng.

    ``group``: baskets per group. ``within``, ``between``: decays. ``neighbours``: how many.
    ``own``: weight of the own vector, the rest is the neighbours'. ``most``: at most so many
    customers are looked at as neighbours, the ones with the most baskets.
    """

    group: int = 7
    within: float = 0.9
    between: float = 0.7
    neighbours: int = 300
    own: float = 0.7
    most: int = 20_000


def vectors(
    customer: Ints, product: Ints, ordinal: Ints, baskets: Ints, size: int, tifu: Tifu
) -> scipy.sparse.csr_matrix:
    """Return the customers' vectors.

    ``ordinal``: number of each line's basket within its customer, from 0; ``baskets``: baskets of
    each customer. Groups are counted from the newest basket back, so the oldest may be smaller.
    """
    since = baskets[customer] - 1 - ordinal
    back, inside = np.divmod(since, tifu.group)
    groups = -(-baskets // tifu.group)
    oldest = back == groups[customer] - 1
    length = np.where(oldest, baskets[customer] - tifu.group * back, tifu.group)
    weight = tifu.within**inside / length * tifu.between**back / groups[customer]
    return scipy.sparse.csr_matrix((weight, (customer, product)), shape=(len(baskets), size))


class TifuModel:
    """Scores from the vectors of all customers."""

    def __init__(self, table: scipy.sparse.csr_matrix, baskets: Ints, tifu: Tifu) -> None:
        self.table, self.tifu = table, tifu
        some = np.flatnonzero(baskets > 0)
        self.others = np.sort(some[np.argsort(-baskets[some], kind="stable")][: tifu.most])
        self.known = table[self.others]
        self.squares: Floats = np.asarray(self.known.multiply(self.known).sum(axis=1)).ravel()

    def scores(self, rows: Ints) -> Singles:
        """Return the scores of all products for the customers in ``rows``."""
        own = self.table[rows]
        # Of equal length for one customer, so its own square need not be added.
        distance = self.squares[None, :] - 2.0 * np.asarray((own @ self.known.T).todense())
        place = np.minimum(np.searchsorted(self.others, rows), max(0, len(self.others) - 1))
        itself = self.others[place] == rows
        distance[np.flatnonzero(itself), place[itself]] = np.inf
        count = min(self.tifu.neighbours, len(self.others) - 1)
        result = self.tifu.own * np.asarray(own.todense())
        if count > 0:
            near = np.argpartition(distance, count - 1, axis=1)[:, :count]
            spread = scipy.sparse.csr_matrix(
                (
                    np.full(near.size, 1.0 / count),
                    near.ravel(),
                    np.arange(len(rows) + 1) * count,
                ),
                shape=(len(rows), len(self.others)),
            )
            result = result + (1.0 - self.tifu.own) * np.asarray((spread @ self.known).todense())
        return np.asarray(result, np.float32)
