"""Who went where between two days: segments of RFM with the reasons, or groups of any kind."""

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics.admin.cluster_filters import moved_link
from analytics.admin.matrix import Matrix, matrix
from analytics.admin.segmentations_shown import LOOKS
from analytics.models import RfmRun, Segmentation, SegmentationCluster
from analytics.selectors.segmentations import SegmentationMovement, segmentation_movement
from crm_project.common import charts
from crm_project.common.charts import Flow, Node, Sankey

SCORES = "scores"
VIEW_SCORES, VIEW_GROUPS = "analytics.view_rfmrun", "analytics.view_segmentation"
COMPARED = 60
NO_GROUP = "none"
KINDS = {
    SCORES: "RFM segments",
    Segmentation.Kind.RFM.value: "Behaviour groups",
    Segmentation.Kind.TASTE.value: "Taste groups",
    Segmentation.Kind.BOTH.value: "Behaviour and taste",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A run or a segmentation that can be chosen."""

    pk: int
    words: str


def movement_view(request: HttpRequest) -> HttpResponse:
    """Show the movement of one kind between the two days that the user chooses."""
    kind = request.GET.get("kind", SCORES)
    kind = kind if kind in KINDS else SCORES
    if not request.user.has_perm(VIEW_SCORES if kind == SCORES else VIEW_GROUPS):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Movement between two days",
        "kind": kind,
        "kinds": [
            (key, words) for key, words in KINDS.items()
            if request.user.has_perm(VIEW_SCORES if key == SCORES else VIEW_GROUPS)
        ],
        **(_scores(request) if kind == SCORES else _groups(request, kind)),
    }  # fmt: skip
    return TemplateResponse(request, "crm/movement.html", context)


def _scores(request: HttpRequest) -> dict[str, Any]:
    runs = list(RfmRun.objects.kept().order_by("-as_of", "-pk")[:COMPARED])
    context: dict[str, Any] = {"choices": _choices(runs, "run")}
    chosen = _chosen(request, runs)
    if chosen:
        found = matrix(older=chosen[0], newer=chosen[1])
        context |= {"matrix": found, "sankey": _sankey_of_segments(found),
                    "older": chosen[0], "newer": chosen[1]}  # fmt: skip
    return context


def _groups(request: HttpRequest, kind: str) -> dict[str, Any]:
    rows = Segmentation.objects.kept().filter(kind=kind).order_by("-as_of", "-pk")[:COMPARED]
    found = list(rows)
    context: dict[str, Any] = {"choices": _choices(found, "no.")}
    chosen = _chosen(request, found)
    if chosen:
        moves = segmentation_movement(older=chosen[0], newer=chosen[1])
        context |= {"moves": moves, "sankey": _sankey_of_groups(moves),
                    "older": chosen[0], "newer": chosen[1]}  # fmt: skip
    return context


def _choices(rows: list[Any], word: str) -> list[Choice]:
    return [Choice(row.pk, f"{row.as_of:%-d %b %Y} ({word} {row.pk})") for row in rows]


def _chosen(request: HttpRequest, rows: list[Any]) -> tuple[Any, Any] | None:
    """Return the older and the newer one asked for; by default the two newest days."""
    by_key = {str(row.pk): row for row in rows}
    newer = by_key.get(request.GET.get("newer", "")) or (rows[0] if rows else None)
    if newer is None:
        return None
    before = [row for row in rows if row.as_of < newer.as_of]
    older = by_key.get(request.GET.get("older", "")) or (before[0] if before else None)
    return (older, newer) if older and older.pk != newer.pk else None


def _sankey_of_segments(found: Matrix) -> Sankey:
    nodes = [Node(segment.code, segment.name, segment.colour) for segment in found.columns]
    flows = [
        Flow(was.code, now.code, square.customers, square.href)
        for was, squares in found.rows
        for now, square in zip(found.columns, squares, strict=True)
    ]
    return _sankey(found, nodes, nodes, flows)


def _sankey_of_groups(found: SegmentationMovement) -> Sankey:
    flows = [
        Flow(
            _key(cell.from_number),
            _key(cell.to_number),
            cell.customers,
            moved_link(found.older, found.newer, cell.from_number, cell.to_number),
        )
        for cell in found.cells
        if cell.from_number is not None or cell.to_number is not None
    ]
    drawn = _sankey(found, _nodes(found.from_clusters), _nodes(found.to_clusters), flows)
    words = (
        f"{drawn.total:,} customers: {found.stayed:,} stayed in their group, {found.moved:,} went "
        f"to another, {found.came:,} came into one, {found.left:,} are in none any more."
    )
    return replace(drawn, description=words)


def _nodes(clusters: tuple[SegmentationCluster, ...]) -> list[Node]:
    nodes = [Node(_key(one.number), one.name, look=one.number % LOOKS) for one in clusters]
    return [*nodes, Node(NO_GROUP, "In no group", look=LOOKS - 1)]


def _key(number: int | None) -> str:
    return NO_GROUP if number is None else str(number)


def _sankey(
    found: Matrix | SegmentationMovement, left: list[Node], right: list[Node], flows: list[Flow]
) -> Sankey:
    days = [f"{one.as_of:%-d %b %Y}" for one in (found.older, found.newer)]
    return charts.sankey(
        "movement", f"Movement from {days[0]} to {days[1]}", left, right, flows,
        left_title=days[0], right_title=days[1],
    )  # fmt: skip
