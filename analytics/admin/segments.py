"""Segments, and the map from the 125 scores to them, edited as a whole."""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from analytics.admin.grid import CellMap, cell_map
from analytics.models import Segment, SegmentCell
from analytics.scoring.segments import ALL_CODES, PROSPECTS
from analytics.services.segments import SegmentMapError, save_map
from crm_project.common.admin import HistoryAdmin, ReasonAdmin, remember_reason
from crm_project.common.middleware import REASON_FIELD
from crm_project.common.selectors.history import Source


@admin.register(Segment)
class SegmentAdmin(HistoryAdmin[Segment], ReasonAdmin[Segment]):
    """Names, colours and advice; which scores belong to it stands in the segment map."""

    list_display = ["name", "code", "position", "description", "advice"]
    ordering = ["position"]
    readonly_fields = ["code"]
    history_sources = [Source(apps.get_model("analytics.SegmentEvent"))]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Links and the API use the code: it is fixed once the segment exists."""
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Older runs show it. A segment that is not wanted gets no codes."""
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.map_view)
        return [path("map/", view, name="analytics_segment_map"), *super().get_urls()]

    def map_view(self, request: HttpRequest) -> HttpResponse:
        """Show the map; take a new one only if it gives every code one segment."""
        if not request.user.has_perm("analytics.view_segmentcell"):
            raise PermissionDenied
        may_change = request.user.has_perm("analytics.change_segmentcell")
        problem, given = "", None
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            given = {code: request.POST.get(f"cell_{code}", "") for code in ALL_CODES}
            remember_reason(request.POST.get(REASON_FIELD, ""))
            try:
                changed = save_map(cells=_filled(given), user=request.user)
            except SegmentMapError as error:
                problem = str(error)
            else:
                messages.success(request, f"{changed} codes changed. The next run uses the map.")
                return HttpResponseRedirect(reverse("admin:analytics_segment_map"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Segment map",
            "layers": _layers(cell_map(), given),
            "choices": Segment.objects.exclude(code=PROSPECTS),
            "may_change": may_change,
            "problem": problem,
        }
        return TemplateResponse(request, "crm/segment_map.html", context)


def _filled(given: Mapping[str, str]) -> dict[str, str]:
    """Leave out what was left empty, so that the check names it as missing."""
    return {code: segment for code, segment in given.items() if segment}


def _layers(shown: CellMap, given: Mapping[str, str] | None) -> list[Any]:
    """Return the map with the chosen segment of each code: as posted, else as stored."""
    stored = dict(SegmentCell.objects.values_list("code", "segment__code"))
    chosen = stored if given is None else given
    return [
        (m, [(r, [(cell, chosen.get(cell.code, "")) for cell in row]) for r, row in rows])
        for m, rows in shown.layers
    ]
