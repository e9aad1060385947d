"""Exports as pages show them: who would leave or left, and what kept the others."""

from typing import Any

from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars
from crm_project.common.registry import Kpi
from recommendations.admin.run_shown import CODES, SCENARIOS
from recommendations.models import RecoExport
from recommendations.services.export_choice import REASONS
from recommendations.services.exports import ExportPreview

LEFT_OUT = {
    "PENDING": "Nothing approved yet",
    "FLAGGED": "Flagged",
    "REJECTED": "Rejected",
    "OWN_APPROVAL": "Approved by who started the run",
    "OTHER_SEGMENT": "Not in the segment",
    "ALREADY_EXPORTED": "Left for this campaign before",
    "JUST_EXPORTED": "Left for another campaign a short time ago",
    "AUDIT": "Did not pass the audit",
    "AUDIT_NOW": "Passed the audit, but no longer does",
    "LATE": "Written to before an arm was drawn",
    **CODES,
}


def left_out(counts: dict[str, Any]) -> Bars:
    """Return why lists stay, most first."""
    ordered = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    bars = [
        Bar(LEFT_OUT.get(code, code), float(number), note=REASONS.get(code, ""))
        for code, number in ordered
    ]
    return charts.bars("left-out", "Lists that stay, by the first reason", bars)


def by_scenario(counts: dict[str, int]) -> Bars:
    """Return who would leave, by the scenario of their first product."""
    bars = [Bar(SCENARIOS.get(code, code), float(number)) for code, number in counts.items()]
    return charts.bars("leaving", "Customers who leave, by scenario", bars)


def preview_kpis(found: ExportPreview, share: Any) -> list[Kpi]:
    """Return the figures of what an export would hold."""
    return [
        Kpi("Treatment", formats.count(found.customers), note="customers would leave"),
        Kpi("Products", formats.count(found.rows), note="rows of the file"),
        Kpi("Control", formats.count(found.control),
            note=f"held back to measure the effect ({float(share):.0%} of the campaign)"),
        Kpi("Stay", formats.count(sum(found.left_out.values())), note="customers with a list"),
    ]  # fmt: skip


def export_kpis(made: RecoExport) -> list[Kpi]:
    """Return the figures of an export."""
    control = made.manifest.get("control")
    stay = sum(made.left_out.values())
    return [
        Kpi("Treatment", formats.count(made.customers), note="customers left"),
        Kpi("Products", formats.count(made.rows), note="rows of the file"),
        Kpi("Control", formats.count(control), note="held back to measure the effect"),
        Kpi("Stayed", formats.count(stay), note="customers with a list"),
        Kpi("Size", _size(made.manifest.get("bytes")), note="of the file"),
    ]


def _size(size: Any) -> str:
    if not isinstance(size, int):
        return formats.NOTHING
    return f"{size / 1024:,.1f} KiB" if size >= 1024 else f"{size:,} bytes"
