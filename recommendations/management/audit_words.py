"""What the commands of audit and export print."""

from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

from recommendations.models import RecoExport
from recommendations.scoring.audit_rules import BY_CODE
from recommendations.services.audit import AuditResult
from recommendations.services.exports import ExportPreview


def audit_facts(result: AuditResult) -> dict[str, Any]:
    """Return an audit for programs."""
    return {"run": result.run.pk, "gate": result.gate, **result.checks}


def audit_words(result: AuditResult) -> str:
    """Return an audit for people: findings by code, checks of the run, and the gate."""
    out = StringIO()
    console = Console(file=out, width=100, highlight=False)
    console.print(f"Audit of run {result.run.pk} as of {result.run.as_of:%Y-%m-%d}: {result.words}")
    if result.findings:
        table = Table("Finding", "", "Findings", "Customers", title="", title_justify="left")
        for code, (number, customers) in result.findings.items():
            table.add_row(code, BY_CODE[code].severity, f"{number:,}", f"{customers:,}")
        console.print(table)
    for check in [*result.gate["checks"], *result.checks["checks"]]:
        console.print(f"  {check['level']:<8}{check['words']}")
    return out.getvalue().rstrip()


def export_facts(made: RecoExport) -> dict[str, Any]:
    """Return an export for programs: its manifest."""
    return dict(made.manifest)


def export_words(made: RecoExport) -> str:
    """Return an export for people."""
    lines = [
        f"Export {made.pk} for {made.campaign.code}: {made.customers:,} customers, "
        f"{made.rows:,} products.",
        f"SHA-256 {made.sha256}",
        *_left_out(made.left_out | {"CONTROL": made.manifest["control"]}),
    ]
    return "\n".join(lines)


def preview_words(told: ExportPreview) -> str:
    """Return a preview for people."""
    return "\n".join([told.words, *_left_out(told.left_out)])


def _left_out(counts: dict[str, int]) -> list[str]:
    return [f"  {code:<20}{number:>10,}" for code, number in counts.items() if number]
