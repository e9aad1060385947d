"""A measured group as the report keeps it: plain numbers, and sentences that people read."""

from typing import Any

from recommendations.scoring.intervals import Interval
from recommendations.scoring.uplift import ITEMS, MARGIN, ORDERS, REVENUE, Arm, Measured

ROUNDING = 0.0005
"""Shares that differ by less read the same."""

MUCH_ABOVE = 0.05
"""So much of the revenue above the cap, and intervals of revenue are too short: measured by
``benchmarks/bench_uplift.py`` on log-normal amounts (sigma 1: 0.03, 1.5: 0.10)."""


def group_json(measured: Measured) -> dict[str, Any]:
    """Return the group. What cannot be told is None, and ``reason`` says why."""
    return {
        "customers": measured.customers,
        "untested": measured.untested,
        "treated": _arm(measured.treated, measured.margin_source != "unknown"),
        "control": _arm(measured.control, measured.margin_source != "unknown"),
        "srm": {
            "expected": round(measured.ratio.expected, 1),
            "controls": measured.ratio.controls,
            "chi2": round(measured.ratio.chi2, 3),
            "p": measured.ratio.p,
            "ok": measured.ratio.ok,
        },
        "enough": measured.told,
        "needed": measured.needed,
        "missing": measured.missing,
        "reason": measured.reason,
        "conversion": _interval(measured.conversion, 6),
        "relative": _relative(measured),
        "revenue": _interval(measured.revenue, 4),
        "revenue_winsorised": _interval(measured.revenue_winsorised, 4),
        "revenue_above_cap": round(measured.above_cap, 4),
        "margin": _interval(measured.margin, 4),
        "margin_source": measured.margin_source,
        "items_per_order": _interval(measured.items_per_order, 4),
        "incremental_revenue": _interval(measured.incremental_revenue, 2),
        "incremental_margin": _interval(measured.incremental_margin, 2),
        "cost": measured.cost,
        "roi": _interval(measured.roi, 4),
        "unsubscribed": _interval(measured.unsubscribed, 6),
        "complained": _interval(measured.complained, 6),
    }


def _arm(arm: Arm, margin_known: bool) -> dict[str, Any]:
    sums = arm.rows.sum(axis=0)
    orders = float(sums[ORDERS])
    n = arm.customers
    return {
        "customers": n,
        "buyers": arm.buyers,
        "conversion": round(arm.buyers / n, 6) if n else None,
        "orders": int(orders),
        "revenue": round(float(sums[REVENUE]), 2),
        "revenue_per_customer": round(float(sums[REVENUE]) / n, 4) if n else None,
        "margin_per_customer": (
            round(float(sums[MARGIN]) / n, 4) if n and margin_known else None
        ),
        "items_per_order": round(float(sums[ITEMS]) / orders, 4) if orders else None,
        "unsubscribed": arm.unsubscribed,
        "complained": arm.complained,
    }  # fmt: skip


def _interval(found: Interval | None, digits: int) -> dict[str, float] | None:
    if found is None:
        return None
    return {
        "value": round(found.value, digits),
        "low": round(found.low, digits),
        "high": round(found.high, digits),
    }


def _relative(measured: Measured) -> float | None:
    """The difference in parts of the share that would have bought without the contact.

    That is the controls' share, each campaign counted by its treated customers as in the
    difference: added up, controls of campaigns with unlike shares are other people.
    """
    if measured.conversion is None:
        return None
    base = measured.treated.buyers / measured.treated.customers - measured.conversion.value
    return round(measured.conversion.value / base, 4) if base > 0 else None


def headline(group: dict[str, Any]) -> list[str]:
    """Say in sentences what a group's numbers mean.

    >>> headline({"customers": 10, "reason": "Not enough data: 90 more customers needed."})
    ['Not enough data: 90 more customers needed.']
    """
    if group["reason"]:
        return [group["reason"]]
    found = [_conversion_words(group), _revenue_words(group)]
    if untested := group.get("untested"):
        found.append(
            f"{untested:,} customers of campaigns that held nobody back are left out: what those "
            "changed cannot be told."
        )
    if group["revenue_above_cap"] > MUCH_ABOVE:
        found.append(
            f"A few large orders decide the revenue ({_share(group['revenue_above_cap'])} of it "
            "lies above the 99th percentile of buyers): its interval holds less often than 95 of "
            "100; the capped revenue is the safer guide."
        )
    if group["roi"]:
        found.append(_roi_words(group))
    for name, words in (("unsubscribed", "unsubscribe"), ("complained", "complain")):
        harm = group[name]
        if harm and harm["low"] > 0:
            found.append(f"Those who were written to {words} more often than the control group.")
    return found


def _conversion_words(group: dict[str, Any]) -> str:
    treated, control = group["treated"]["conversion"], group["control"]["conversion"]
    ends = group["conversion"]
    sure = "" if ends["low"] > 0 or ends["high"] < 0 else " This can be chance."
    # With several campaigns the two shares are of other people than the difference: say so.
    apart = abs(treated - control - ends["value"]) > ROUNDING
    between = "; within each campaign, on the average," if apart else ":"
    return (
        f"{_share(treated)} of those written to bought, {_share(control)} of those held "
        f"back{between} {_points(ends['value'])} (95 % interval {_points(ends['low'])} to "
        f"{_points(ends['high'])}).{sure}"
    )


def _revenue_words(group: dict[str, Any]) -> str:
    whole = group["incremental_revenue"]
    sure = "" if whole["low"] > 0 or whole["high"] < 0 else ", which can be chance"
    return (
        f"Additional revenue: {whole['value']:,.0f} (95 % interval {whole['low']:,.0f} to "
        f"{whole['high']:,.0f}){sure}."
    )


def _roi_words(group: dict[str, Any]) -> str:
    roi = group["roi"]
    return (
        f"Of each 1.00 spent, {1 + roi['value']:.2f} came back as margin "
        f"(95 % interval {1 + roi['low']:.2f} to {1 + roi['high']:.2f})."
    )


def _share(share: float) -> str:
    return f"{share * 100:.1f} %"


def _points(share: float) -> str:
    return f"{share * 100:+.1f} points"
