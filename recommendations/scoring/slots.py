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
        order = np.lexsort((-tie, -scores.total, found.who))
        who = found.who[order]
        column = positions_within(starts_of(who), len(who))
        width = int(column.max(initial=-1)) + 1
        self.place = np.full((size, width), -1, np.int64)
        self.place[who, column] = order
        self.free: Bools = self.place >= 0
        self.product = self._table(found.product)
        self.family = self._table(known.shop.products.family[found.product])
        self.explore = self._table(found.explore.astype(np.int8))
        self.most = known.settings.max_recos
        self.picked = np.full((size, self.most), width, np.int64)
        self.count = np.zeros(size, np.int64)
        self.used = np.full((size, self.most), -1, self.family.dtype)

    def _table(self, column: AnyArray) -> npt.NDArray[np.int64]:
        table = np.full(self.place.shape, -1, np.int64)
        table[self.free] = column[self.place[self.free]]
        return table

    def take(self, kind: int, wanting: Bools, *, different: bool) -> None:
        """Give each customer in ``wanting`` the best free candidate of a kind, where one is."""
        rows = np.flatnonzero(wanting & (self.count < self.most))
        if not len(rows) or not self.place.shape[1]:
            return
        free = self.free[rows]
        if kind != EITHER:
            free = free & (self.explore[rows] == (kind == EXPLORE))
        if different:
            taken = (self.family[rows][:, :, None] == self.used[rows][:, None, :]).any(axis=2)
            free = free & ~(taken & (self.family[rows] >= 0))
        column = free.argmax(axis=1)
        some = free[np.arange(len(rows)), column]
        self._pick(rows[some], column[some])

    def _pick(self, rows: Ints, column: Ints) -> None:
        self.picked[rows, self.count[rows]] = column
        self.used[rows, self.count[rows]] = self.family[rows, column]
        self.count[rows] += 1
        same = self.product[rows] == self.product[rows, column][:, None]
        self.free[rows] &= ~same

    def ranked(self) -> Ints:
        """Return the picked candidates by customer, best first."""
        columns = np.sort(self.picked, axis=1)
        rows, rank = np.nonzero(columns < self.place.shape[1])
        return self.place[rows, columns[rows, rank]]
