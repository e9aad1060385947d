"""A run of recommendations as its page shows it: figures and charts of what the run stored."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars
from crm_project.common.registry import Kpi
from recommendations.models import RecoRun, Scenario, Slot

SCENARIOS = {value: str(label).capitalize() for value, label in Scenario.choices}
_SLOTS = {value: str(label).capitalize() for value, label in Slot.choices}
CODES = {
    "NO_ACTION": "No scenario fits",
    "NO_CANDIDATE": "No product passes the rules",
    "NOT_CONTACTABLE": "Paused, or not contactable",
    "OPT_OUT": "Opted out",
    "BOUNCED": "Address bounces",
    "NO_CHANNEL": "No address for the channel",
    "MERGED_OR_DELETED": "Merged or deleted",
    "TEST_ACCOUNT": "Test account",
    "GLOBAL_HOLDOUT": "Held back to measure all marketing",
    "SILENCE": "Contacted within the silence window",
    "FREQUENCY_CAP": "Contacted too often lately",
    "RECENT_ORDER": "Ordered just now",
    "NO_CONSENT": "No consent",
    "QUIET_HOURS": "Quiet hours",
}
_STEPS = {
    "quality": "Looking at the data",
    "read": "Reading the shop",
    "data_version": "Hashing what was read",
    "recommend": "Recommending",
    "contact": "Deciding about contact",
    "write": "Writing",
    "publish": "Publishing",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of the page. ``made_from`` are names with texts, in their order."""

    kpis: list[Kpi]
    by_scenario: Bars
    by_exclusion: Bars
    by_contact: Bars
    findings: list[dict[str, Any]]
    gate: list[str]
    made_from: list[tuple[str, str]]
    timings: list[tuple[str, str]]


def shown(run: RecoRun) -> Shown:
    """Describe a run. What an older or a failed run lacks is left out."""
    counts: dict[str, Any] = run.counts
    return Shown(
        kpis=_kpis(run, counts) if counts else [],
        by_scenario=_chart("scenario", "Products by scenario", counts, "by_scenario", SCENARIOS),
        by_exclusion=_chart("exclusion", "Customers without any", counts, "by_exclusion", CODES),
        by_contact=_chart("contact", "Customers not to be contacted", counts, "by_contact", CODES),
        findings=_findings(run),
        gate=[str(reason) for reason in run.gate.get("reasons", [])],
        made_from=_made_from(run),
        timings=[
            (_STEPS.get(name, name), f"{seconds:,.1f} s") for name, seconds in run.timings.items()
        ],
    )


def _kpis(run: RecoRun, counts: dict[str, Any]) -> list[Kpi]:
    customers = counts["customers"]
    slots = counts.get("by_slot", {})
    items = ""
    if run.items_dropped_at is None:
        items = f"{reverse('admin:recommendations_recoitem_changelist')}?run={run.pk}"
    return [
        Kpi("As of", f"{run.as_of:%-d %b %Y}", note="current" if run.is_current else "not current"),
        Kpi("Customers with a list", formats.count(counts["lists"]),
            note=f"of {formats.count(customers)}, {share(counts['lists'], customers)}"),
        Kpi("Products offered", formats.count(counts["items"]), href=items,
            note=" · ".join(f"{_SLOTS[slot]} {formats.count(n)}" for slot, n in slots.items())),
        Kpi("May be contacted", formats.count(counts["contactable"]),
            note=share(counts["contactable"], customers)),
        Kpi("Ranked by", run.get_mode_display().capitalize(),
            note=f"back-test {run.backtest_id}" if run.backtest_id else "without a back-test"),
    ]  # fmt: skip


def share(part: int, whole: int) -> str:
    """Return a part in whole percent."""
    return f"{part / whole:.0%}" if whole else formats.NOTHING


def _chart(key: str, title: str, counts: dict[str, Any], name: str, names: dict[str, str]) -> Bars:
    found: dict[str, int] = counts.get(name, {})
    # JSON in the database keeps no order.
    places = {code: place for place, code in enumerate(names)}
    rows = sorted(found.items(), key=lambda row: (places.get(row[0], len(places)), row[0]))
    drawn = [Bar(names.get(code, code), float(number)) for code, number in rows]
    return charts.bars(f"reco-{key}", title, drawn)


def _findings(run: RecoRun) -> list[dict[str, Any]]:
    """Return the rules of quality that found something, those that stop a run first."""
    found = [row for row in run.quality.get("findings", []) if row.get("count")]
    return sorted(found, key=lambda row: (not row.get("stops"), str(row.get("code"))))


def _made_from(run: RecoRun) -> list[tuple[str, str]]:
    data: dict[str, Any] = run.data_version
    rows = [("Program", run.code_version), ("Hash of the result", run.result_hash)]
    if data:
        rows += [
            ("Data", f"{data['lines']:,} lines of {data['customers']:,} customers and "
             f"{data['products']:,} products, {data['first_day']} to {data['last_day']}"),
            ("Hash of the data", data["sha256"]),
        ]  # fmt: skip
    return [(name, text) for name, text in rows if text]
