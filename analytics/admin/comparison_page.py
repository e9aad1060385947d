"""Choose two segmentations and see how far they agree, and which says more of later revenue."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from analytics.admin.comparison_shown import shown
from analytics.admin.job_started import started
from analytics.admin.segmentations_shown import choice
from analytics.models import Segmentation, SegmentationComparison

COMPARE = "compare_segmentations"
VIEW = "analytics.view_segmentationcomparison"
ADD = "analytics.add_segmentationcomparison"
OFFERED = 80
LISTED = 20


def compare_view(request: HttpRequest) -> HttpResponse:
    """Show the comparison of two; start one by POST."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    rows = list(Segmentation.objects.kept().order_by("-as_of", "kind", "-pk")[:OFFERED])
    if request.method == "POST":
        return _start(request, rows)
    stored = list(
        SegmentationComparison.objects.select_related("left", "right")
        .defer("results").order_by("-as_of", "-pk")[:LISTED]
    )  # fmt: skip
    left, right = _chosen(request.GET, rows, stored)
    found = _stored(left, right)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Compare two segmentations",
        "choices": [(row.pk, choice(row)) for row in rows],
        "left": left,
        "right": right,
        "problem": _problem(left, right),
        "shown": shown(found) if found else None,
        "stored": stored,
        "may_compare": request.user.has_perm(ADD),
    }
    return TemplateResponse(request, "crm/segmentation_compare.html", context)


def _start(request: HttpRequest, rows: list[Segmentation]) -> HttpResponse:
    if not request.user.has_perm(ADD):
        raise PermissionDenied
    left, right = _chosen(request.POST, rows, [])
    page = reverse("admin:analytics_segmentation_compare")
    problem = _problem(left, right)
    if left is None or right is None or problem:
        messages.error(request, problem or "Choose two segmentations.")
        return HttpResponseRedirect(page)
    return started(
        request,
        kind=COMPARE,
        params={"left": left.pk, "right": right.pk},
        words="The comparison is in the queue.",
        otherwise=f"{page}?left={left.pk}&right={right.pk}",
    )


def _chosen(
    asked: Any, rows: list[Segmentation], stored: list[SegmentationComparison]
) -> tuple[Segmentation | None, Segmentation | None]:
    """Return the two that were asked for; without a question those of the newest comparison."""
    by_key = {str(row.pk): row for row in rows}
    if "left" in asked or "right" in asked:
        return by_key.get(asked.get("left", "")), by_key.get(asked.get("right", ""))
    return (stored[0].left, stored[0].right) if stored else (None, None)


def _stored(left: Segmentation | None, right: Segmentation | None) -> SegmentationComparison | None:
    """Return the comparison of the two, whichever side each was on."""
    if left is None or right is None:
        return None
    pair = Q(left=left, right=right) | Q(left=right, right=left)
    found = SegmentationComparison.objects.filter(pair).select_related("left", "right", "judged")
    return found.order_by("-pk").first()


def _problem(left: Segmentation | None, right: Segmentation | None) -> str:
    if left is None or right is None:
        return ""
    if left.pk == right.pk:
        return "Choose two different segmentations."
    if left.as_of != right.as_of:
        return (
            "These two describe different days. Compare two of the same day, or look at the "
            "movement between two of one kind."
        )
    return ""
