"""Filters by segment, score and movement: few choices, read from small tables."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics.models import RfmRun, Segment
from analytics.scoring.segments import PROSPECTS
from analytics.selectors.movement import REASONS, movement_customers
from analytics.selectors.rfm import current_run, prospects_among
from crm_project.common.admin.theme import DropdownFilter, RadioFilter, TextFilter
from crm_project.common.registry import customer_page


class SegmentFilter(DropdownFilter):
    """Customers of one segment of the current run."""

    title = "segment"
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(segment.code, segment.name) for segment in Segment.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Find the segment first: the planner must see which it is to know how many are in it."""
        wanted = self.value()
        if not wanted:
            return queryset
        if wanted == PROSPECTS:
            run = current_run()
            return prospects_among(queryset, run=run) if run else queryset.none()
        segment = Segment.objects.filter(code=wanted).first()
        return queryset.filter(rfm__segment=segment) if segment else queryset.none()


class ScoreFilter(TextFilter):
    """A score like 555, or 55 for any M: the squares of the R by F map link here."""

    title = "RFM score (like 555, or 55 for any M)"
    parameter_name = "rfm"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        digits = (self.value() or "").strip()
        if not digits:
            return queryset
        if len(digits) > len("rfm") or not set(digits) <= set("12345"):
            return queryset.none()
        wanted = {f"rfm__{name}": int(digit) for name, digit in zip("rfm", digits, strict=False)}
        return queryset.filter(**wanted)


class MovementFilter(RadioFilter):
    """The customers behind a cell of the from-to matrix. Shown only when a link asked for it.

    The value is ``older-run.newer-run.from.to.reason``; an empty part means any.
    """

    title = "movement"
    parameter_name = "moved"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        value = request.GET.get(self.parameter_name, "")
        return [(value, _movement_words(value))] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        asked = _asked(self.value() or "")
        if asked is None:
            return queryset.none()
        return queryset.filter(pk__in=movement_customers(**asked).values("pk"))


def _asked(value: str) -> dict[str, Any] | None:
    """Take the value apart; None if it does not name two runs that can be compared."""
    older, newer, was, now, reason = (value.split(".") + [""] * 5)[:5]
    if not (older.isdecimal() and newer.isdecimal()) or reason not in {"", *REASONS}:
        return None
    runs = RfmRun.objects.kept().in_bulk([int(older), int(newer)])
    if len(runs) != len({older, newer}):
        return None
    return {
        "older": runs[int(older)],
        "newer": runs[int(newer)],
        "from_segment": was or None,
        "to_segment": now or None,
        "reason": reason or None,
    }


def _movement_words(value: str) -> str:
    asked = _asked(value)
    if asked is None:
        return "unknown"
    names = dict(Segment.objects.values_list("code", "name"))
    was = names.get(asked["from_segment"], "any segment")
    now = names.get(asked["to_segment"], "any segment")
    return f"{was} → {now}, {asked['older'].as_of} to {asked['newer'].as_of}"


customer_page.add_filter(SegmentFilter, position=10, permission="analytics.view_currentrfmscore")
customer_page.add_filter(ScoreFilter, position=20, permission="analytics.view_currentrfmscore")
customer_page.add_filter(MovementFilter, position=5, permission="analytics.view_currentrfmscore")
