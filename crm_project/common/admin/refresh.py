"""The ledger of what was computed, and the page that says how fresh every number is."""

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm_project.common import formats
from crm_project.common.admin.bases import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.database import database_view
from crm_project.common.admin.theme import display
from crm_project.common.models import RefreshState
from crm_project.common.selectors.freshness import Fresh, report

WORDS = {
    "fresh": ("fresh", "crm-good"),
    "running": ("being computed", "crm-note"),
    "stale": ("stale", "crm-warn"),
    "missing": ("not computed yet", "crm-note"),
    "failing": ("failed", "crm-bad"),
}
"""Of each state: its words, and how its mark looks."""


@admin.register(RefreshState)
class RefreshStateAdmin(ReadOnlyAdminMixin, CrmAdmin[RefreshState]):
    """What was computed, up to when, how long it took, what failed."""

    list_display = ["name", "outcome", "as_of", "started_at", "took", "rows_written", "problem"]
    list_filter = ["name"]
    search_fields = ["name", "error"]
    search_help_text = "Step or error"
    fields = ["name", "outcome", "as_of", "started_at", "finished_at", "took", "rows", "error"]
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        page: URLPattern = path(
            "freshness/", self.admin_site.admin_view(self.freshness_view), name="common_freshness"
        )
        database: URLPattern = path(
            "database/", self.admin_site.admin_view(database_view), name="common_database"
        )
        return [page, database, *super().get_urls()]

    def freshness_view(self, request: HttpRequest) -> HttpResponse:
        """Show every number with its day, its age, its last failure and its next run."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = [shown(row, request) for row in report()]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Freshness",
            "rows": rows,
            "counts": [
                (label, tone, sum(row["state"] == state for row in rows))
                for state, (label, tone) in WORDS.items()
            ],
            "now": timezone.now(),
        }
        return TemplateResponse(request, "crm/freshness.html", context)

    @display(
        description="Outcome",
        label={"succeeded": "success", "failed": "danger", "running": "info"},
    )
    def outcome(self, state: RefreshState) -> str:
        if state.error:
            return "failed"
        return "succeeded" if state.finished_at else "running"

    @admin.display(description="Took")
    def took(self, state: RefreshState) -> str:
        return formats.duration(state.duration)

    @admin.display(description="Rows", ordering="rows")
    def rows_written(self, state: RefreshState) -> str:
        return formats.count(state.rows)

    @admin.display(description="Problem")
    def problem(self, state: RefreshState) -> SafeString | str:
        first_line = state.error.strip().partition("\n")[0]
        if not first_line:
            return formats.NOTHING
        return format_html('<span title="{}">{}</span>', state.error[:500], first_line[:80])


def shown(row: Fresh, request: HttpRequest) -> dict[str, Any]:
    """Return a number as the page writes it."""
    newest = row.newest
    words, tone = WORDS[row.state]
    return {
        "number": row.number,
        "href": _link(row, request),
        "state": row.state,
        "words": words,
        "tone": tone,
        "as_of": _day(newest.as_of) if newest and newest.as_of else None,
        "computed_at": newest.finished_at if newest else None,
        "age": formats.age(row.age),
        "took": formats.duration(newest.duration) if newest else formats.NOTHING,
        "rows": formats.count(newest.rows) if newest else formats.NOTHING,
        "newest": newest,
        "failure": row.failure,
        "failing": row.failing,
        "running": row.running,
        "next_at": row.next_at,
        "late": row.stale,
        "limit": formats.age(row.number.max_age),
    }


def _link(row: Fresh, request: HttpRequest) -> str:
    number = row.number
    if not number.page or (number.permission and not request.user.has_perm(number.permission)):
        return ""
    try:
        return reverse(f"admin:{number.page}")
    except NoReverseMatch:
        return ""


def _day(moment: datetime) -> str:
    """Write what numbers describe: the end of a local day as that day, else the moment."""
    local = timezone.localtime(moment)
    if local.time() == time.min:
        return f"{local - timedelta(days=1):%-d %b %Y}"
    return f"{local:%-d %b %Y %H:%M}"
