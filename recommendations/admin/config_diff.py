"""What distinguishes two sets of settings, side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from crm_project.common import formats
from recommendations.models import RecoConfig
from recommendations.selectors.configs import Difference, differences

VIEW = "recommendations.view_recoconfig"
OFFERED = 100
EMPTY = "{}"
"""How a value is written that holds nothing, such as factors that nobody has learned."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value: its path, and how both sides are written."""

    key: str
    before: str
    after: str


def rows_of(found: Sequence[Difference]) -> list[Row]:
    """Return differences as they are written for people."""
    return [Row(one.key, _written(one.before), _written(one.after)) for one in found]


GROUPS = {
    "": "How many products, and which never",
    "scenario": "Who belongs to which scenario",
    "slots": "Places of a list",
    "model": "Signals",
    "chance": "Coefficients of the chance of a purchase",
    "weights": "Weights of the weighted score",
    "multipliers": "Factors of the scenarios",
    "segment_multipliers": "Factors of a scenario in a segment",
    "acceptance": "How often products were taken",
    "quality": "Largest shares of findings in the data",
    "audit": "Audit",
}
"""The first part of a value's path, and what people read for it, in this order."""


def grouped(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return rows by the first part of their path; a group without values is left out."""
    groups: dict[str, list[Row]] = {name: [] for name in GROUPS}
    for row in rows:
        head, inside, _ = row.key.partition(".")
        name = head if inside or head in GROUPS else ""
        if row.after != EMPTY:
            groups.setdefault(name, []).append(row)
    return [(GROUPS.get(name, name), found) for name, found in groups.items() if found]


def _written(value: Any) -> str:
    if value is None:
        return formats.NOTHING
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return value if isinstance(value, str) else json.dumps(value)


def diff_view(request: HttpRequest) -> HttpResponse:
    """Show what differs between two sets; without a choice, the newest and the active ones."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    rows = list(RecoConfig.objects.defer("evidence").order_by("-pk")[:OFFERED])
    left, right = _chosen(request, rows)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Compare settings",
        "choices": [(row.pk, f"{row.name} ({row.hash[:8]}, {row.status})") for row in rows],
        "left": left,
        "right": right,
        "found": rows_of(differences(left.values, right.values)) if left and right else None,
    }
    return TemplateResponse(request, "crm/reco_config_diff.html", context)


def _chosen(
    request: HttpRequest, rows: Sequence[RecoConfig]
) -> tuple[RecoConfig | None, RecoConfig | None]:
    by_key = {str(row.pk): row for row in rows}
    asked = request.GET
    if "left" in asked or "right" in asked:
        return by_key.get(asked.get("left", "")), by_key.get(asked.get("right", ""))
    active = next((row for row in rows if row.status == RecoConfig.Status.ACTIVE), None)
    newest = next((row for row in rows if row is not active), None)
    return active, newest
