"""A report of outcomes as its page shows it: tiles, charts, tables, and what to beware of."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars, written
from crm_project.common.registry import Kpi
from recommendations.models import UpliftReport

TABLES = (
    ("campaigns", "By campaign"),
    ("scenarios", "By scenario"),
    ("segments", "By segment"),
)
HARMS = (("unsubscribed", "Unsubscribed"), ("complained", "Complained"))
MARGINS = {
    "costs": "from the products' costs",
    "rate": "estimated with the shop's margin (CRM_LTV_MARGIN)",
    "unknown": "not known: enter costs of products, or the shop's margin (CRM_LTV_MARGIN)",
}


Cell = tuple[str, str]
"""What stands in a table, and smaller under it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a table: both arms, then the lifts in the order of ``HEAD``, or why none."""

    name: str
    arms: tuple[Cell, ...]
    lifts: tuple[Cell, ...]
    reason: str


ARMS = ("Written to, bought", "Held back, bought")
HEAD = (
    "Difference, points", "Additional revenue", "Revenue per customer", "the same, capped",
    "Margin per customer", "Items per order",
)  # fmt: skip
ROI = "Return on cost"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One way of telling groups apart: a chart of the lifts that can be told, and a table."""

    key: str
    title: str
    chart: Bars
    head: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of the page."""

    kpis: list[Kpi]
    notices: list[tuple[str, str]]
    breakdowns: list[Breakdown]
    harms: list[tuple[str, ...]]
    levels: Bars
    margin: str
    smallest_lift: str


def shown(report: UpliftReport) -> Shown:
    """Describe a report."""
    results = report.results
    overall = results["overall"]
    return Shown(
        kpis=_kpis(report, overall),
        notices=_notices(report, overall),
        breakdowns=[_breakdown(key, title, results[key]) for key, title in TABLES],
        harms=[_harm(overall, key, words) for key, words in HARMS],
        levels=_levels(results["levels"]),
        margin=MARGINS[overall["margin_source"]],
        smallest_lift=written(results["smallest_lift"], "share"),
    )


def _kpis(report: UpliftReport, overall: dict[str, Any]) -> list[Kpi]:
    counts = report.results["counts"]
    treated, control = overall["treated"], overall["control"]
    lift, gained = overall["conversion"], overall["incremental_revenue"]
    waiting = f"{counts['open']:,} still in their window, {counts['unsent']:,} not written to yet"
    return [
        Kpi("Customers measured", formats.count(counts["measured"]), note=waiting),
        Kpi("Bought, written to", written(treated["conversion"], "share"),
            note=f"{treated['buyers']:,} of {treated['customers']:,}"),
        Kpi("Bought, held back", written(control["conversion"], "share"),
            note=f"{control['buyers']:,} of {control['customers']:,}"),
        _sizes(overall["srm"]),
        Kpi("Difference", _points(lift), note=_ends(lift, _point) or _short(overall)),
        Kpi("Additional revenue", _money(gained and gained["value"]),
            note=_ends(gained, _money) or "Told as soon as a lift can be"),
        Kpi("Return on cost", _times(overall["roi"]),
            note=_ends(overall["roi"], _factor) or _no_roi(overall)),
    ]  # fmt: skip


def _sizes(srm: dict[str, Any]) -> Kpi:
    """Say whether the arms have the sizes that were drawn (sample-ratio test)."""
    odds = f"p {srm['p']:.2f}" if srm["p"] >= 0.01 else "p below 0.01"
    return Kpi(
        "Sizes of the arms",
        "As drawn" if srm["ok"] else "Not as drawn",
        note=f"{srm['controls']:,} held back, {srm['expected']:,.0f} expected ({odds})",
        tone="" if srm["ok"] else "crm-bad",
    )


def _short(group: dict[str, Any]) -> str:
    missing = group["missing"]
    return f"Not enough data: {missing:,} more customers needed" if missing else "Cannot be told"


def _no_roi(group: dict[str, Any]) -> str:
    if not group["enough"]:
        return "Told as soon as a lift can be"
    return "The margin is not known" if group["cost"] else "No cost was entered with the campaign"


def _notices(report: UpliftReport, overall: dict[str, Any]) -> list[tuple[str, str]]:
    alarms = [(alarm["words"], "crm-bad") for alarm in report.results["alarms"]]
    tone = "" if overall["enough"] else ("crm-warn" if overall["srm"]["ok"] else "crm-bad")
    return [*alarms, *((words, tone) for words in report.words)]


def _breakdown(key: str, title: str, groups: Sequence[dict[str, Any]]) -> Breakdown:
    told = [group for group in groups if group["conversion"]]
    chart = charts.bars(
        f"lift-{key}",
        f"{title}: difference of the shares of buyers",
        [_bar(group) for group in told],
        unit="share",
    )
    costs = key == "campaigns"
    head = (*HEAD, ROI) if costs else HEAD
    return Breakdown(key, title, chart, head, [_row(group, costs=costs) for group in groups])


def _bar(group: dict[str, Any]) -> Bar:
    lift = group["conversion"]
    sure = lift["low"] > 0 or lift["high"] < 0
    tone = ("crm-tone-good" if lift["value"] > 0 else "crm-tone-bad") if sure else ""
    note = f"{group['customers']:,} customers" + ("" if sure else ", can be chance")
    return Bar(group["name"], lift["value"], lift["low"], lift["high"], note=note, tone=tone)


def _row(group: dict[str, Any], *, costs: bool) -> Row:
    lifts = [
        _lift(group["conversion"], _point),
        _lift(group["incremental_revenue"], _money),
        _lift(group["revenue"], _money),
        _lift(group["revenue_winsorised"], _money),
        _lift(group["margin"], _money),
        _lift(group["items_per_order"], _number),
    ]
    if costs:
        lifts.append(_lift(group["roi"], _factor))
    arms = (_arm(group["treated"]), _arm(group["control"]))
    return Row(group["name"], arms, tuple(lifts), group["reason"])


def _arm(arm: dict[str, Any]) -> Cell:
    each = [f"{_money(arm['revenue_per_customer'])} each"] if arm["customers"] else []
    if arm["margin_per_customer"] is not None:
        each.append(f"margin {_money(arm['margin_per_customer'])}")
    counts = f"{arm['buyers']:,} of {arm['customers']:,}"
    return written(arm["conversion"], "share"), ", ".join([counts, *each])


def _lift(found: dict[str, float] | None, form: Any) -> Cell:
    if found is None:
        return formats.NOTHING, ""
    return form(found["value"]), f"{form(found['low'])} to {form(found['high'])}"


def _harm(overall: dict[str, Any], key: str, words: str) -> tuple[str, ...]:
    treated, control = overall["treated"], overall["control"]
    found = overall[key]
    more = found is not None and found["low"] > 0
    verdict = "more often than the control group" if more else "no sign of harm"
    return (
        words,
        f"{treated[key]:,} of {treated['customers']:,}",
        f"{control[key]:,} of {control['customers']:,}",
        _with_ends(found, _point),
        verdict if found else "cannot be compared",
    )


def _levels(levels: Sequence[dict[str, Any]]) -> Bars:
    return charts.bars(
        "levels",
        "Orders after a contact, by what was bought",
        [
            Bar(level["name"].capitalize(), float(level["orders"]), note=_money(level["amount"]))
            for level in levels
        ],
    )


def _points(found: dict[str, float] | None) -> str:
    return formats.NOTHING if found is None else f"{_point(found['value'])} points"


def _times(found: dict[str, float] | None) -> str:
    return formats.NOTHING if found is None else _factor(found["value"])


def _with_ends(found: dict[str, float] | None, form: Any) -> str:
    if found is None:
        return formats.NOTHING
    return f"{form(found['value'])} ({form(found['low'])} to {form(found['high'])})"


def _ends(found: dict[str, float] | None, form: Any) -> str:
    return "" if found is None else f"95 % interval {form(found['low'])} to {form(found['high'])}"


def _point(share: float) -> str:
    return f"{share * 100:+.2f}".replace("-", formats.MINUS)


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", formats.MINUS)


def _factor(value: float) -> str:
    return f"{value * 100:+,.0f} %".replace("-", formats.MINUS)


def _money(amount: float | None) -> str:
    return formats.money(None if amount is None else Decimal(str(round(amount, 2))))
