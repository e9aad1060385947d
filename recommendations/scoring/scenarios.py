"""Which scenarios fit a customer, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recommendations.scoring.arrays import Bools, Floats, Ints
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.tastes import Tastes, divided


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Per customer of a block: one flag per scenario, and the numbers they follow from.

    ``days``: since the last order, -1 without one. ``overdue``: days over the own interval (the
    shop's below three orders), NaN unknown.
    """

    winback: Bools
    rebuy: Bools
    cross_sell: Bools
    upsell: Bools
    nurture: Bools
    orders: Ints
    days: Ints
    revenue: Floats
    overdue: Floats

    @property
    def any(self) -> Bools:
        """Return who has at least one scenario."""
        return self.winback | self.rebuy | self.cross_sell | self.upsell | self.nurture


def fits_of(known: Knowledge, block: Block, tastes: Tastes) -> Fits:
    """Return which scenarios fit the customers of a block.

    WINBACK excludes all others. NURTURE is for those whom neither CROSS_SELL nor UPSELL fits.
    Where the shop has no amounts at all, the revenue that WINBACK asks for is not asked.
    """
    rules, history = known.settings.scenario, known.history
    orders, revenue = history.orders[block.rows], history.revenue[block.rows]
    some = orders >= 1
    days = np.where(some, known.shop.as_of - history.last_day[block.rows], -1)
    overdue = _overdue(known, block, days)
    lapsed = days >= rules.winback_recency_days
    if rules.winback_alive:
        doubtful = known.shop.customers.p_alive[block.rows] < rules.winback_max_alive
        lapsed |= some & doubtful & (overdue >= rules.winback_min_overdue)
    worth = (revenue >= rules.winback_min_historical_ca) | (not history.has_money)
    winback = lapsed & worth
    several = (orders >= 2) & ~winback
    cross = several & (_focused(known, tastes) | rules.cross_sell_any)
    upsell = several & (_settled(known, tastes) | rules.upsell_any)
    declared = known.shop.customers.declared_family[block.rows] >= 0
    alone = ~cross & ~upsell & (orders <= rules.nurture_max_orders)
    nurture = ~winback & (alone | rules.nurture_any)
    return Fits(
        winback=winback,
        rebuy=some & ~lapsed,
        cross_sell=cross,
        upsell=upsell,
        nurture=nurture & (some | declared),
        orders=orders,
        days=days,
        revenue=revenue,
        overdue=overdue,
    )


def _focused(known: Knowledge, tastes: Tastes) -> Bools:
    rules = known.settings.scenario
    return (tastes.dominant_share >= rules.cross_sell_min_dominant_share) & (
        tastes.diversity <= rules.cross_sell_max_diversity
    )


def _settled(known: Knowledge, tastes: Tastes) -> Bools:
    rules = known.settings.scenario
    return (tastes.stability >= rules.upsell_min_stability) | (
        tastes.family_orders >= rules.upsell_min_family_orders
    )


def _overdue(known: Knowledge, block: Block, days: Ints) -> Floats:
    own = known.history.own_gap[block.rows]
    trusted = (known.history.orders[block.rows] >= 3) & ~np.isnan(own)
    gap = np.where(trusted, own, known.shop_gap)
    return divided(np.where(days >= 0, days, np.nan).astype(np.float64), gap, np.nan)


def refusals(known: Knowledge, fits: Fits, tastes: Tastes, place: int) -> list[dict[str, Any]]:
    """Return, for one customer of the block, each scenario that does not fit and the evidence."""
    rules = known.settings.scenario
    orders, days = int(fits.orders[place]), int(fits.days[place])
    if not orders:
        return [] if fits.nurture[place] else [{"scenario": "NURTURE", "code": "NO_PREFERENCE"}]
    found: list[dict[str, Any]] = []
    if not fits.winback[place]:
        lapsed = days >= rules.winback_recency_days
        code = "LOW_REVENUE" if lapsed else "NOT_LAPSED"
        evidence: dict[str, float] = {"days": days, "needs": rules.winback_recency_days}
        if lapsed:
            needs = rules.winback_min_historical_ca
            evidence = {"revenue": round(float(fits.revenue[place]), 2), "needs": needs}
        found.append({"scenario": "WINBACK", "code": code, **evidence})
    if not fits.rebuy[place]:
        needs = rules.winback_recency_days
        found.append({"scenario": "REBUY", "code": "LAPSED", "days": days, "needs": needs})
    if fits.winback[place]:
        names = ("CROSS_SELL", "UPSELL", "NURTURE")
        return found + [{"scenario": name, "code": "WINBACK_ONLY"} for name in names]
    return found + _explore_refusals(known, fits, tastes, place)


def _explore_refusals(
    known: Knowledge, fits: Fits, tastes: Tastes, place: int
) -> list[dict[str, Any]]:
    rules, orders = known.settings.scenario, int(fits.orders[place])
    few = {"code": "FEW_ORDERS", "orders": orders, "needs": 2}
    found: list[dict[str, Any]] = []
    if not fits.cross_sell[place]:
        share = {"share": _rounded(tastes.dominant_share[place])}
        share |= {"needs": rules.cross_sell_min_dominant_share}
        wide = {"diversity": _rounded(tastes.diversity[place])}
        found.append(
            {"scenario": "CROSS_SELL"}
            | (few if orders < 2 else {"code": "NOT_FOCUSED", **share, **wide})
        )
    if not fits.upsell[place]:
        steady = {"stability": _rounded(tastes.stability[place])}
        steady |= {"needs": rules.upsell_min_stability}
        found.append(
            {"scenario": "UPSELL"} | (few if orders < 2 else {"code": "NOT_STABLE", **steady})
        )
    if not fits.nurture[place]:
        most = rules.nurture_max_orders
        code = "MANY_ORDERS" if orders > most else "OTHER_SCENARIO"
        found.append({"scenario": "NURTURE", "code": code, "orders": orders, "most": most})
    return found


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
