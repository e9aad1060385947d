"""The history of changes as a tab of a page, and in the place of Django's own history page."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from crm_project.common.admin.bases import CrmAdmin, M
from crm_project.common.admin.tabs import TemplateTab
from crm_project.common.selectors.history import Change, Source, changes


class HistoryTab(TemplateTab):
    """Who changed this row, when, what and why."""

    title = "Changes"
    template_name = "crm/history_tab.html"
    sources: Sequence[Source] = ()

    def context(self) -> dict[str, Any]:
        return {"changes": changes(sources=self.sources, pk=unquote(str(self.object_id)))}


class HistoryAdmin(CrmAdmin[M]):
    """Shows the recorded history instead of the log of admin clicks."""

    history_sources: Sequence[Source] = ()

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        site, opts = self.admin_site, self.opts
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, opts, object_id)
            return missing
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        found: list[Change] = changes(sources=self.history_sources, pk=row.pk)
        context = {
            **site.each_context(request),
            "title": f"Changes of {row}",
            "opts": opts,
            "object": row,
            "changes": found,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "crm/history.html", context)
