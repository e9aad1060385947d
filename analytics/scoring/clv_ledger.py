"""What the shop knew at the end of a day: purchase days of each customer, and what came later.

A ledger holds one row per customer and local day with a counted order. Whoever asks it about a day
gets what the rows up to that day say, and nothing of what came afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.scoring.clv_histories import FloatArray, Histories, IntArray, histories_of_days

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Rows sorted by customer and day.

    ``customer``: its key. ``day``: whole day number (``date.toordinal()``). ``sale``: True where
    something was bought that day, False where goods were only sent back. ``money``: sales less
    returns of the day.
    """

    customer: IntArray
    day: IntArray
    sale: npt.NDArray[np.bool_]
    money: FloatArray

    @classmethod
    def of(
        cls,
        customer: npt.ArrayLike,
        day: npt.ArrayLike,
        sales: npt.ArrayLike,
        money: npt.ArrayLike,
    ) -> Ledger:
        """Return a ledger of rows in any order, each (customer, day) at most once."""
        who, when = np.asarray(customer, np.int64), np.asarray(day, np.int64)
        order = np.lexsort((when, who))
        return cls(
            who[order],
            when[order],
            np.asarray(sales)[order] > 0,
            np.asarray(money, np.float64)[order],
        )

    def __len__(self) -> int:
        return len(self.day)

    def first_day(self) -> int:
        """Return the day of the first row. Raises ValueError for an empty ledger."""
        return int(self.day.min())

    def sampled(self, customers: int) -> Ledger:
        """Return the rows of about so many customers, chosen by their keys alone.

        Rows of others, or later rows, do not change who is chosen among given customers.
        """
        every = len(np.unique(self.customer))
        if every <= customers:
            return self
        share = (self.customer.astype(np.uint64) * _SPREAD) >> np.uint64(32)
        return self._where(share < np.uint64(customers / every * 2**32))

    def known(self, day: int) -> Days:
        """Return the purchase days up to the end of ``day``.

        The money of a return belongs to the purchase day before it; a return before the customer's
        first purchase belongs to none.
        """
        before = self._where(self.day <= day)
        who, when = before.customer[before.sale], before.day[before.sale]
        place = np.cumsum(before.sale) - 1
        mine = place >= 0
        mine[mine] = who[place[mine]] == before.customer[mine]
        money = np.bincount(place[mine], weights=before.money[mine], minlength=len(who))
        return Days(day, who, when, money.astype(np.float64))

    def later(self, customers: IntArray, day: int, days: int) -> tuple[FloatArray, FloatArray]:
        """Return purchase days and money of each of ``customers`` in the ``days`` after ``day``."""
        rows = self._where((self.day > day) & (self.day <= day + days))
        place = np.searchsorted(customers, rows.customer)
        place = np.minimum(place, max(len(customers) - 1, 0))
        mine = customers[place] == rows.customer if len(customers) else np.zeros(len(rows), bool)
        at, size = place[mine], len(customers)
        count = np.bincount(at, weights=rows.sale[mine].astype(np.float64), minlength=size)
        money = np.bincount(at, weights=rows.money[mine], minlength=size)
        return count.astype(np.float64), money.astype(np.float64)

    def _where(self, chosen: npt.NDArray[np.bool_]) -> Ledger:
        return Ledger(
            self.customer[chosen], self.day[chosen], self.sale[chosen], self.money[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Distinct (customer, purchase day), sorted, up to the end of ``as_of``; money net."""

    as_of: int
    customer: IntArray
    day: IntArray
    money: FloatArray

    def histories(self) -> tuple[IntArray, Histories]:
        """Return the customers (ascending) and their histories."""
        return histories_of_days(self.customer, self.day, self.money, self.as_of)
