"""Pages below a run: its audit, decisions on it, its export; and what its own page leads to."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, path

from crm_project.common.admin.theme import ModelAdmin
from recommendations.admin.audit_page import VIEW, again_view, audit_view, run_audit_view
from recommendations.admin.decisions import DECIDE, decide_view
from recommendations.admin.exports import EXPORT, export_view
from recommendations.models import RecoRun


class RunPages(ModelAdmin[RecoRun]):
    """Routes of a run's further pages."""

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(
                route, self.admin_site.admin_view(view), name=f"recommendations_{name}"
            )
            return found

        return [
            to("audit/", audit_view, "audit"),
            to("<int:run_id>/audit/", run_audit_view, "run_audit"),
            to("<int:run_id>/audit/again/", again_view, "audit_again"),
            to("<int:run_id>/decide/", decide_view, "decide"),
            to("<int:run_id>/export/", export_view, "export"),
            *super().get_urls(),
        ]


def leads(request: HttpRequest, run: RecoRun) -> dict[str, Any]:
    """Return which of those pages this person may open for this run."""
    kept = run.status == RecoRun.Status.SUCCEEDED and run.items_dropped_at is None
    user = request.user
    return {
        "audit": user.has_perm(VIEW) and run.status == RecoRun.Status.SUCCEEDED,
        "decide": kept and bool(run.gate) and user.has_perm(DECIDE),
        "export": kept and bool(run.gate) and user.has_perm(EXPORT),
    }
