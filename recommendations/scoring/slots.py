"""Which candidates make the list: places by kind, one product of each family, best first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
    """Candidates of each customer side by side, best first."""

    def __init__(self, known: Knowledge, found: Candidates, scores: Scores, size: int) -> None:
        tie = known.catalogue.tie[found.scenario, found.product]
        self.order = np.lexsort((-tie, -scores.total, found.who))
        who = found.who[self.order]
        column = positions_within(starts_of(who), len(who))
        self.first = np.searchsorted(who, np.arange(size))
        self.width = int(column.max(initial=-1)) + 1
        self.free: Bools = np.zeros((size, self.width), bool)
        self.free[who, column] = True
        self.product = self._table(who, column, found.product)
        self.family = self._table(who, column, known.shop.products.family[found.product])
        self.explore: Bools = np.zeros((size, self.width), bool)
        self.explore[who, column] = found.explore[self.order]
        self.most = known.settings.max_recos
        self.picked = np.full((size, self.most), self.width, np.int64)
        self.count = np.zeros(size, np.int64)
        self.used = np.full((size, self.most), -1, np.int32)

    def _table(self, who: Ints, column: Ints, values: AnyArray) -> npt.NDArray[np.int32]:
        table = np.full(self.free.shape, -1, np.int32)
        table[who, column] = values[self.order]
        return table

    def take(self, kind: int, wanting: Bools, *, different: bool) -> None:
        """Give each customer in ``wanting`` the best free candidate of a kind, where one is."""
        rows = np.flatnonzero(wanting & (self.count < self.most))
        if not len(rows) or not self.width:
            return
        free = self.free[rows]
        if kind != EITHER:
            free &= self.explore[rows] == (kind == EXPLORE)
        if different:
            family, used = self.family[rows], self.used[rows]
            for place in range(int(self.count[rows].max(initial=0))):
                taken = used[:, place, None]
                free &= (family != taken) | (taken < 0)
        column = free.argmax(axis=1)
        some = free[np.arange(len(rows)), column]
        self._pick(rows[some], column[some])

    def _pick(self, rows: Ints, column: Ints) -> None:
        self.picked[rows, self.count[rows]] = column
        self.used[rows, self.count[rows]] = self.family[rows, column]
        self.count[rows] += 1
        self.free[rows] &= self.product[rows] != self.product[rows, column][:, None]

    def ranked(self) -> Ints:
        """Return the picked candidates by customer, best first."""
        columns = np.sort(self.picked, axis=1)
        rows, rank = np.nonzero(columns < self.width)
        return np.asarray(self.order[self.first[rows] + columns[rows, rank]], np.int64)
