"""What a contact changed: treated against control, by assignment, or why that cannot be said yet.

A lift is told only where the arms have the sizes that were drawn, and enough customers for the
smallest change worth knowing. That number depends on the controls' share of buyers, never on the
lift that was seen: a report that stopped when it liked the difference would lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommendations.scoring.assignment import Ratio, sample_ratio
from recommendations.scoring.intervals import (
    Count,
    FloatArray,
    Interval,
    Resampled,
    Sample,
    bootstrap,
    customers_needed,
    stratified_newcombe,
    winsorised,
)

REVENUE, WINSORISED, MARGIN, ITEMS, ORDERS = range(5)
COLUMNS = 5
WINSORISE_AT = 0.99
CONVERSIONS_NEEDED = 20


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of one stratum, customers whose window is over.

    Attributes:
        customers: all that were drawn.
        rows: a row for each buyer: revenue, revenue again (winsorised here), margin, items,
            orders. Amounts without tax, less what came back.
        margin_known: whether the costs of all that they bought are known.
    """

    customers: int = 0
    rows: FloatArray = field(default_factory=lambda: np.zeros((0, COLUMNS)))
    margin_known: bool = True
    unsubscribed: int = 0
    complained: int = 0

    @property
    def buyers(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Customers who were drawn together: one campaign, one share of control."""

    share: float
    treated: Arm
    control: Arm

    @property
    def customers(self) -> int:
        return self.treated.customers + self.control.customers

    @property
    def has_both(self) -> bool:
        """Whether there is somebody in either arm, so that they can be compared."""
        return bool(self.treated.customers and self.control.customers)


@dataclass(frozen=True, slots=True)
class Money:
    """What a group cost, and how its margin is found where costs are not known.

    ``cost``: of the campaigns, None where it cannot be told for this group. ``margin_rate``: part
    of the revenue that stays with the shop, None where the shop entered none.
    """

    cost: float | None = None
    margin_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A group: its arms, whether a lift can be told, and the lift with its 95 % intervals.

    ``untested``: customers of campaigns (or days) that held nobody back; they stand in no arm.
    """

    treated: Arm
    control: Arm
    ratio: Ratio
    needed: int | None
    reason: str
    margin_source: str
    conversion: Interval | None = None
    revenue: Interval | None = None
    revenue_winsorised: Interval | None = None
    margin: Interval | None = None
    items_per_order: Interval | None = None
    unsubscribed: Interval | None = None
    complained: Interval | None = None
    cost: float | None = None
    untested: int = 0

    @property
    def above_cap(self) -> float:
        """Part of both arms' revenue that winsorising takes off: much of it, and a few decide."""
        rows = np.vstack([self.treated.rows, self.control.rows])
        whole = float(rows[:, REVENUE].sum())
        return 1 - float(rows[:, WINSORISED].sum()) / whole if whole > 0 else 0.0

    @property
    def customers(self) -> int:
        return self.treated.customers + self.control.customers

    @property
    def missing(self) -> int | None:
        """Customers still needed; None where no number is known."""
        return None if self.needed is None else max(self.needed - self.customers, 0)

    @property
    def told(self) -> bool:
        return self.conversion is not None

    @property
    def incremental_revenue(self) -> Interval | None:
        """What the contact brought: the difference times the treated customers."""
        return self.revenue.times(self.treated.customers) if self.revenue else None

    @property
    def incremental_margin(self) -> Interval | None:
        return self.margin.times(self.treated.customers) if self.margin else None

    @property
    def roi(self) -> Interval | None:
        """(Additional margin - cost) / cost; None without a cost or a margin."""
        gained = self.incremental_margin
        if gained is None or not self.cost:
            return None
        cost = self.cost
        ends = [(one - cost) / cost for one in (gained.value, gained.low, gained.high)]
        return Interval(*ends)


def measure(
    strata: Sequence[Stratum], *, smallest_lift: float, money: Money | None = None
) -> Measured:
    """Return what can be said of a group.

    Args:
        strata: who was drawn together; the lift is a mean over them, by treated customers.
        smallest_lift: smallest relative change of the share of buyers that is worth knowing.
    """
    money = money or Money()
    # A campaign that held nobody back says nothing of a lift; given a part of the others', it
    # would turn a small one into a great deal of money.
    compared = [stratum for stratum in strata if stratum.has_both] or list(strata)
    capped = _winsorise([_with_margin(stratum, money) for stratum in compared])
    treated = _together([stratum.treated for stratum in capped])
    control = _together([stratum.control for stratum in capped])
    ratio = sample_ratio(
        controls=sum(one.control.customers for one in strata),
        strata=[(one.customers, one.share) for one in strata],
    )
    needed = _needed(capped, treated, control, smallest_lift)
    reason = _reason(treated, control, ratio, needed)
    common: dict[str, Any] = {
        "treated": treated, "control": control, "ratio": ratio, "needed": needed,
        "reason": reason, "margin_source": _margin_source(compared, money), "cost": money.cost,
        "unsubscribed": _shares(capped, "unsubscribed"),
        "complained": _shares(capped, "complained"),
        "untested": sum(one.customers for one in strata) - treated.customers - control.customers,
    }  # fmt: skip
    return Measured(**common) if reason else Measured(**common, **_lifts(capped, treated, control))


def _lifts(strata: Sequence[Stratum], treated: Arm, control: Arm) -> dict[str, Any]:
    drawn = bootstrap(
        [
            (Sample(one.treated.customers, one.treated.rows),
             Sample(one.control.customers, one.control.rows))
            for one in strata
        ]
    )  # fmt: skip
    if drawn is None:
        return {}
    return {
        "conversion": _shares(strata, "buyers"),
        "revenue": drawn.difference(REVENUE),
        "revenue_winsorised": drawn.difference(WINSORISED),
        "margin": _margin(drawn, treated, control),
        "items_per_order": drawn.ratio_difference(ITEMS, ORDERS),
    }


def _margin(drawn: Resampled, treated: Arm, control: Arm) -> Interval | None:
    return drawn.difference(MARGIN) if treated.margin_known and control.margin_known else None


def _shares(strata: Sequence[Stratum], what: str) -> Interval | None:
    return stratified_newcombe(
        [
            (Count(getattr(one.treated, what), one.treated.customers),
             Count(getattr(one.control, what), one.control.customers))
            for one in strata
        ]
    )  # fmt: skip


def _needed(
    strata: Sequence[Stratum], treated: Arm, control: Arm, smallest_lift: float
) -> int | None:
    """Return how many customers both arms need together, as far as is known."""
    total = treated.customers + control.customers
    buyers = treated.buyers + control.buyers
    if not total or not buyers:
        return None
    # Few controls' buyers are a shaky ground to plan on: then all buyers are.
    sure = control.buyers >= CONVERSIONS_NEEDED
    base = control.buyers / control.customers if sure else buyers / total
    share = sum(one.customers * one.share for one in strata) / total
    needed = customers_needed(base=base, lift=smallest_lift, control_share=share)
    if needed is None:
        return None
    # The same share must also give each arm its conversions.
    fewest = CONVERSIONS_NEEDED / (base * min(share, 1 - share))
    return max(needed, int(np.ceil(fewest)))


def _reason(treated: Arm, control: Arm, ratio: Ratio, needed: int | None) -> str:
    """Return why no lift is told; empty: it is."""
    total = treated.customers + control.customers
    if not total:
        return "No customer's window is over yet."
    if not ratio.ok:
        return (
            f"The arms do not have the sizes that were drawn: {ratio.controls:,} controls of "
            f"{total:,} customers, {ratio.expected:,.0f} expected (p {_p(ratio.p)}). Something "
            "chose among customers after the draw, so no lift is shown."
        )
    if not control.customers:
        return "Nobody was held back: without a control group, no lift can be told."
    if needed is None:
        return "Not enough data: nobody has bought yet, so it cannot be said how many are needed."
    if total < needed:
        return f"Not enough data: {needed - total:,} more customers needed."
    fewest = min(treated.buyers, control.buyers)
    if fewest < CONVERSIONS_NEEDED:
        more = int(np.ceil(total * (CONVERSIONS_NEEDED - fewest) / max(fewest, 1)))
        return (
            f"Not enough data: about {more:,} more customers needed, until "
            f"{CONVERSIONS_NEEDED} of each arm have bought."
        )
    return ""


def _p(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "below 0.0001"


def _with_margin(stratum: Stratum, money: Money) -> Stratum:
    """Fill margins by the shop's rate where the costs of either arm are not all known."""
    arms = (stratum.treated, stratum.control)
    if money.margin_rate is None or all(arm.margin_known for arm in arms):
        return stratum
    filled = []
    for arm in arms:
        rows = arm.rows.copy()
        rows[:, MARGIN] = rows[:, REVENUE] * money.margin_rate
        filled.append(Arm(arm.customers, rows, True, arm.unsubscribed, arm.complained))
    return Stratum(stratum.share, *filled)


def _margin_source(strata: Sequence[Stratum], money: Money) -> str:
    """Say where margins come from: ``costs``, ``rate``, or ``unknown``."""
    if all(arm.margin_known for one in strata for arm in (one.treated, one.control)):
        return "costs"
    return "rate" if money.margin_rate is not None else "unknown"


def _winsorise(strata: Sequence[Stratum]) -> list[Stratum]:
    """Lower the winsorised revenue of each buyer to the 99th percentile of all buyers'."""
    arms = [arm for one in strata for arm in (one.treated, one.control)]
    revenues = np.concatenate([np.zeros(0), *(arm.rows[:, REVENUE] for arm in arms)])
    if not revenues.size:
        return list(strata)
    cap = float(np.quantile(revenues, WINSORISE_AT))
    return [Stratum(one.share, _capped(one.treated, cap), _capped(one.control, cap))
            for one in strata]  # fmt: skip


def _capped(arm: Arm, cap: float) -> Arm:
    rows = arm.rows.copy()
    rows[:, WINSORISED] = winsorised(rows[:, REVENUE], cap)
    return Arm(arm.customers, rows, arm.margin_known, arm.unsubscribed, arm.complained)


def _together(arms: Sequence[Arm]) -> Arm:
    return Arm(
        sum(arm.customers for arm in arms),
        np.vstack([np.zeros((0, COLUMNS)), *(arm.rows for arm in arms)]),
        all(arm.margin_known for arm in arms),
        sum(arm.unsubscribed for arm in arms),
        sum(arm.complained for arm in arms),
    )
