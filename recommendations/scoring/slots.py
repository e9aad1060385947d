"""Which candidates make the list: places by kind, one product of each family, best first."""

from __future__ import annotations

import numpy as np

from recommendations.scoring.arrays import AnyArray, Bools, Ints, positions_within, starts_of
from recommendations.scoring.candidates import Candidates
from recommendations.scoring.knowledge import Knowledge
from recommendations.scoring.score import Scores

EITHER, REPEAT, EXPLORE = 0, 1, 2


def chosen_of(known: Knowledge, found: Candidates, scores: Scores, orders: Ints) -> Ints:
    """Return the places of the chosen candidates, sorted by customer and rank.

    First the places of each kind, then the open ones, then what is left over for either kind; all
    with one product per family. Only customers whose candidates have too few families then get
    a second product of one. Ranks follow the score, whatever the place.
    """
    table = _Table(known, found, scores, len(orders))
    most = known.settings.max_recos
    plans = [known.settings.plan(count) for count in range(int(orders.max(initial=0)) + 1)]
    numbers = np.minimum(
        np.array([(plan.repeat, plan.explore, plan.open) for plan in plans])[orders], most
    )
    for kind, wanted in ((REPEAT, numbers[:, 0]), (EXPLORE, numbers[:, 1])):
        for turn in range(most):
            table.take(kind, wanted > turn, different=known.settings.one_per_family)
    goal = np.minimum(numbers.sum(axis=1), most)
    for different in (True, False) if known.settings.one_per_family else (False,):
        for _ in range(most):
            table.take(EITHER, table.count < goal, different=different)
    return table.ranked()


class _Table:
    """Candidates of each customer side by side; the best free one is looked up, not sorted for."""

    def __init__(self, known: Knowledge, found: Candidates, scores: Scores, size: int) -> None:
        # The candidates come in a few runs, each sorted by customer: a stable sort merges them.
        self.order = np.argsort(found.who, kind="stable")
        self.who = found.who[self.order]
        self.column = positions_within(starts_of(self.who), len(self.who))
        self.first = np.searchsorted(self.who, np.arange(size))
        self.shape = (size, int(self.column.max(initial=-1)) + 1)
        self.free: Bools = self._table(np.ones(len(found), bool), False)
        self.total = self._table(scores.total, -np.inf)
        self.tie = self._table(known.catalogue.tie[found.scenario, found.product], -1)
        self.product = self._table(found.product.astype(np.int32), -1)
        self.family = self._table(known.shop.products.family[found.product], -1)
        self.explore: Bools = self._table(found.explore, False)
        self.most = known.settings.max_recos
        self.picked = np.zeros((size, self.most), np.int64)
        self.count = np.zeros(size, np.int64)
        self.used = np.full((size, self.most), -1, np.int32)

    def _table(self, values: AnyArray, empty: float) -> AnyArray:
        table = np.full(self.shape, empty, values.dtype)
        table[self.who, self.column] = values[self.order]
        return table

    def take(self, kind: int, wanting: Bools, *, different: bool) -> None:
        """Give each customer in ``wanting`` the best free candidate of a kind, where one is."""
        rows = np.flatnonzero(wanting & (self.count < self.most))
        if not len(rows) or not self.shape[1]:
            return
        free = self.free[rows]
        if kind != EITHER:
            free &= self.explore[rows] == (kind == EXPLORE)
        if different:
            family, used = self.family[rows], self.used[rows]
            for place in range(int(self.count[rows].max(initial=0))):
                taken = used[:, place, None]
                free &= (family != taken) | (taken < 0)
        total = np.where(free, self.total[rows], -np.inf)
        equal = free & (total == total.max(axis=1, keepdims=True))
        column = np.where(equal, self.tie[rows], -1).argmax(axis=1)
        some = free.any(axis=1)
        self._pick(rows[some], column[some])

    def _pick(self, rows: Ints, column: Ints) -> None:
        self.picked[rows, self.count[rows]] = column
        self.used[rows, self.count[rows]] = self.family[rows, column]
        self.count[rows] += 1
        self.free[rows] &= self.product[rows] != self.product[rows, column][:, None]

    def ranked(self) -> Ints:
        """Return the picked candidates by customer, best first."""
        rows, turn = np.nonzero(np.arange(self.most) < self.count[:, None])
        column = self.picked[rows, turn]
        best = np.lexsort((-self.tie[rows, column], -self.total[rows, column], rows))
        return np.asarray(self.order[self.first[rows] + column][best], np.int64)
