"""What recommendations add to the first page: the current run, and what waits for a person."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from analytics.admin.dashboard import dashboard as analytics_dashboard
from crm_project.common import charts, formats
from crm_project.common.charts import Bar
from crm_project.common.registry import Kpi
from recommendations.admin.run_shown import SCENARIOS, share
from recommendations.models import RecoRun
from recommendations.selectors.at_a_glance import AtAGlance, at_a_glance


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the user may see to the context of the first page."""
    context = analytics_dashboard(request, context)
    if request.user.has_perm("recommendations.view_recorun"):
        context["offers"] = {"found": offers_shown(at_a_glance())}
    return context


def offers_shown(found: AtAGlance | None) -> dict[str, Any] | None:
    """Return the current run as its card shows it."""
    if found is None:
        return None
    items = reverse("admin:recommendations_recoitem_changelist")
    bars = [
        Bar(words, float(found.by_scenario.get(code, 0)), href=f"{items}?scenario={code}")
        for code, words in SCENARIOS.items()
    ]
    return {"glance": found, "kpis": _kpis(found, items), "run_page": _page(found.run),
            "chart": charts.bars("offers", "Products offered, by scenario", bars)}  # fmt: skip


def _page(run: RecoRun) -> str:
    return reverse("admin:recommendations_recorun_change", args=[run.pk])


def _kpis(found: AtAGlance, items: str) -> list[Kpi]:
    audited = found.may_leave is not None
    passed = {None: "Not audited", True: "Passed", False: "Shut"}[found.gate_passed]
    return [
        Kpi("Customers with a list", formats.count(found.lists), href=items,
            note=f"of {formats.count(found.customers)}, {share(found.lists, found.customers)}"),
        Kpi("May be contacted", formats.count(found.contactable),
            note=f"{share(found.contactable, found.customers)} of the customers"),
        Kpi("Audit", passed, href=_page(found.run),
            note=found.gate_reasons[0] if found.gate_reasons else "the gate of the whole run",
            tone="crm-hot" if found.gate_passed is False else ""),
        Kpi("Waiting for approval" if found.waiting else f"{found.run.approval.capitalize()}",
            formats.count(found.may_leave), href=_page(found.run),
            note="lists that may leave" if audited else "known after the audit"),
    ]  # fmt: skip
