"""The fallback where no model fits: what customers like this one did in the last known window.

Cells of frequency and recency; the rate of a thin cell is pulled towards the rate of the shop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.scoring.clv_histories import FloatArray, Histories, IntArray

FREQUENCY = (1.0, 2.0, 3.0, 6.0)
"""Repeat purchase days at which a new row begins: 0, 1, 2, 3-5, 6 and more."""

RECENCY = (4.0, 8.0, 13.0, 26.0, 52.0)
"""Weeks since the last purchase at which a new column begins."""

STRENGTH = 20.0
"""Customers' worth of the shop's own rate in every cell (Beta smoothing)."""


@dataclass(frozen=True, slots=True, eq=False)
class RateTable:
    """Observed rates of buying within ``horizon`` weeks, by frequency and recency.

    ``rates``: smoothed shares of buyers; ``orders``: smoothed purchase days a customer;
    ``customers``: how many customers each cell saw; ``base_rate``: share over all of them.
    """

    name: str
    horizon: float
    frequency: tuple[float, ...]
    rates: FloatArray
    orders: FloatArray
    customers: FloatArray
    base_rate: float

    def p_purchase(self, h: Histories, weeks: float) -> FloatArray:
        """Return the probability of a purchase; other horizons by an even risk over time."""
        rate = self.rates[_cells(h, self.frequency)]
        chance: FloatArray = -np.expm1(np.log1p(-rate) * (weeks / self.horizon))
        return chance

    def expected(self, h: Histories, weeks: float) -> FloatArray:
        """Return the expected purchase days within ``weeks``, at an even pace."""
        orders: FloatArray = self.orders[_cells(h, self.frequency)] * (weeks / self.horizon)
        return orders


def fit_table(
    before: Histories,
    later: npt.ArrayLike,
    *,
    weeks: float,
    frequency: Sequence[float] = FREQUENCY,
) -> RateTable:
    """Learn the table from histories and the purchase days of the ``weeks`` weeks after them.

    ``frequency=()`` makes the baseline that looks at recency alone. Raises ValueError without a
    customer.

    >>> h = Histories.of(x=[0] * 80, t_x=[0] * 80, T=[2] * 80)
    >>> table = fit_table(h, [1] * 40 + [0] * 40, weeks=13)
    >>> table.p_purchase(h, 13)[0].round(3).item(), table.expected(h, 26)[0].round(3).item()
    (0.5, 1.0)
    """
    count, w = np.asarray(later, np.float64), before.weight()
    if not len(before) or len(count) != len(before):
        raise ValueError("The table needs at least one customer, and what each did later.")
    edges = tuple(frequency)
    row, column = _cells(before, edges)
    shape = (len(edges) + 1, len(RECENCY) + 1)
    sums = [np.zeros(shape) for _ in range(3)]
    for cells, amount in zip(sums, (w, w * (count > 0), w * count), strict=True):
        np.add.at(cells, (row, column), amount)
    customers, buyers, orders = sums
    # One more buyer and one more non-buyer keep the shop's rate off 0 and 1.
    rate = float((buyers.sum() + 1) / (customers.sum() + 2))
    mean = float(orders.sum() / customers.sum())
    return RateTable(
        "Recency and frequency" if edges else "Recency alone",
        weeks,
        edges,
        (buyers + STRENGTH * rate) / (customers + STRENGTH),
        (orders + STRENGTH * mean) / (customers + STRENGTH),
        customers,
        float(buyers.sum() / customers.sum()),
    )


def _cells(h: Histories, frequency: tuple[float, ...]) -> tuple[IntArray, IntArray]:
    """Return row and column of each customer."""
    row = np.searchsorted(np.array(frequency), h.x, side="right").astype(np.int64)
    column = np.searchsorted(np.array(RECENCY), h.T - h.t_x, side="right").astype(np.int64)
    return row, column
