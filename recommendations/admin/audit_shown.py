"""An audit as its page shows it: figures, tables and charts of what the audit stored."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars
from crm_project.common.registry import Kpi
from recommendations.models import Decided, RecoRun
from recommendations.scoring.audit_rules import BY_CODE
from recommendations.selectors.run_counts import list_scores

CHECKS = {
    "MIN_SCORE": "Mean score of the lists",
    "MIN_COVERAGE": "Customers with a list",
    "BACKTEST": "Back-test",
    "CATALOGUE_COVERAGE": "Products recommended",
    "GINI": "Concentration",
    "TOP_PRODUCT": "Most recommended product",
    "SCENARIO_MIX": "Mix of scenarios",
    "MEAN_SCORE": "Scores of the products",
    "CONTROL_LEAK": "Control arms",
}
"""Names of the checks of a run as a whole."""

_TONES = {"ok": "crm-tag-good", "warning": "crm-tag-warn", "error": "crm-tag-bad"}
_LEVELS = {"ok": "fine", "warning": "look at it", "error": "keeps it shut", "none": "not judged"}
_LOWEST = 40
"""Lists below this score are shown together."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check of the run as a whole, in words."""

    name: str
    level: str
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A rule of the audit that found something. ``href`` leads to whom it found."""

    code: str
    words: str
    severity: str
    number: int
    customers: int
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class AuditShown:
    """Everything of the page that an audit stored."""

    kpis: list[Kpi]
    passed: bool
    reasons: list[str]
    policy: str
    checks: list[CheckRow]
    findings: list[FindingRow]
    scores: Bars
    items: Bars


def shown(run: RecoRun, statuses: dict[str, int], *, code: str = "") -> AuditShown:
    """Describe the audit of a run. What an older audit lacks is left out.

    Args:
        statuses: how many items are in which state of decision.
        code: the rule whose findings are listed on the page.
    """
    checks: dict[str, Any] = run.checks
    return AuditShown(
        kpis=_kpis(run, checks, statuses),
        passed=bool(run.gate.get("passed")),
        reasons=[str(reason) for reason in run.gate.get("reasons", [])],
        policy=_policy(run.gate),
        checks=[_check(row) for row in _judged(run)],
        findings=_findings(run, checks.get("findings", {}), code),
        scores=_scores(run),
        items=_items(checks.get("summary", {})),
    )


def _kpis(run: RecoRun, checks: dict[str, Any], statuses: dict[str, int]) -> list[Kpi]:
    if not checks:
        return []
    customers, exportable = checks.get("customers") or 0, checks.get("exportable") or 0
    mean = checks.get("mean_score")
    share = f"{exportable / customers:.0%}" if customers else formats.NOTHING
    return [
        Kpi("Lists that passed", formats.count(exportable),
            note=f"of {formats.count(customers)}, {share}"),
        Kpi("Mean score", formats.NOTHING if mean is None else f"{mean:.1f}",
            note="100 less 40 for each error, 10 for each warning"),
        *(_waiting(run, status, statuses.get(status, 0)) for status in Decided.values),
    ]  # fmt: skip


def _waiting(run: RecoRun, status: str, number: int) -> Kpi:
    href = ""
    if number and run.items_dropped_at is None:
        query = urlencode({"run": run.pk, "status": status})
        href = f"{reverse('admin:recommendations_recoitem_changelist')}?{query}"
    name = "Waiting" if status == Decided.PENDING else status.capitalize()
    return Kpi(name, formats.count(number), note="products", href=href)


def _policy(gate: dict[str, Any]) -> str:
    eyes = (
        "Whoever started the run cannot approve it."
        if gate.get("four_eyes")
        else "Whoever started the run may approve it."
    )
    return f"Policy “{gate.get('policy', '')}”. {eyes}"


def _judged(run: RecoRun) -> list[dict[str, Any]]:
    """Return what the policy asks for, then the other checks: coverage is among the first."""
    asked = list(run.gate.get("checks", []))
    others = [row for row in run.checks.get("checks", []) if row.get("code") != "COVERAGE"]
    return asked + others


def _check(row: dict[str, Any]) -> CheckRow:
    code, level = str(row.get("code", "")), str(row.get("level", "none"))
    return CheckRow(
        name=CHECKS.get(code, code),
        level=_LEVELS.get(level, level),
        tone=_TONES.get(level, ""),
        words=str(row.get("words", "")),
    )


def _findings(run: RecoRun, found: dict[str, Any], chosen: str) -> list[FindingRow]:
    """Return the rules that found something: errors first, then those that found most."""
    rows = [
        FindingRow(
            code=code,
            words=BY_CODE[code].words if code in BY_CODE else code,
            severity=BY_CODE[code].severity if code in BY_CODE else "error",
            number=int(counts[0]),
            customers=int(counts[1]),
            href=f"?{urlencode({'run': run.pk, 'code': code})}#who",
            chosen=code == chosen,
        )
        for code, counts in found.items()
    ]
    return sorted(rows, key=lambda row: (row.severity, -row.number, row.code))


def _scores(run: RecoRun) -> Bars:
    found = {} if run.items_dropped_at else list_scores(run=run)
    low = sum(lists for score, lists in found.items() if score < _LOWEST)
    rows = [Bar(str(score), float(lists)) for score, lists in found.items() if score >= _LOWEST]
    if low:
        rows.append(Bar(f"below {_LOWEST}", float(low), tone="crm-tone-bad"))
    return charts.bars("audit-scores", "Lists by their score", rows)


def _items(summary: dict[str, Any]) -> Bars:
    tenths = [float(number) for number in summary.get("scores") or []]
    width = 100 // len(tenths) if tenths else 10
    rows = [
        Bar(f"{place * width} to {(place + 1) * width}", number)
        for place, number in enumerate(tenths)
    ]
    return charts.bars("audit-items", "Products by their score", rows[::-1])
