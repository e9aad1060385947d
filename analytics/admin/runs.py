"""Runs of the scoring: cut points, counts, timings; start one; compare two."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
)

from analytics.admin.grid import cell_map
from analytics.admin.job_started import started
from analytics.admin.movement_page import movement_view
from analytics.models import CurrentRfmScore, RfmRun, Segment
from analytics.scoring.segments import PROSPECTS
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.theme import BaseDialogForm, TextFilter, action, display


class ScoreForm(BaseDialogForm):
    """What a scoring run is asked for."""

    as_of = forms.DateField(
        label="As of",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="The end of this day counts. Empty: today.",
    )
    mode = forms.ChoiceField(
        label="Cut points",
        choices=RfmRun.Mode.choices,
        widget=UnfoldAdminSelectWidget,
    )
    window_days = forms.IntegerField(
        label="Only orders of the last … days",
        required=False,
        min_value=1,
        max_value=36_500,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: all orders.",
    )


@admin.register(RfmRun)
class RfmRunAdmin(ReadOnlyAdminMixin, CrmAdmin[RfmRun]):
    list_display = ["as_of", "state", "mode", "window_days", "shown_scored", "shown_prospects",
                    "took", "created_by", "started_at"]  # fmt: skip
    list_select_related = ["created_by"]
    list_filter = ["status", "mode"]
    ordering = ["-id"]
    sortable_by = ["as_of"]
    actions_list = ["score_now"]
    change_form_outer_before_template = "crm/run_before.html"
    fields = ["as_of", "state", "mode", "window_days", "cuts_from", "time_zone", "source", "rules",
              "created_by", "started_at", "finished_at", "took", "scores_dropped_at",
              "error"]  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
            return found

        return [
            to("movement/", movement_view, "analytics_movement"),
            to("grid/", self.grid_view, "analytics_grid"),
            to("glossary/", self.glossary_view, "analytics_glossary"),
            *super().get_urls(),
        ]

    def has_score_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("analytics.add_rfmrun")

    @action(
        description="Score now",
        permissions=["score"],
        icon="play_arrow",
        dialog={
            "title": "Score all customers",
            "description": "Runs in the background. The scores that everybody sees change in one "
            "moment, when the new ones are complete.",
            "form_class": ScoreForm,
            "form_submit_text": "Score now",
        },
    )
    def score_now(self, request: HttpRequest, form: ScoreForm) -> HttpResponse:
        asked = form.cleaned_data
        as_of = asked["as_of"].isoformat() if asked["as_of"] else None
        return started(
            request,
            kind="score_rfm",
            params={"as_of": as_of, "mode": asked["mode"], "window_days": asked["window_days"]},
            words="The scoring is in the queue.",
            otherwise=reverse("admin:analytics_rfmrun_changelist"),
        )

    def grid_view(self, request: HttpRequest) -> HttpResponse:
        """Show all 125 score codes, coloured by segment, with their customers."""
        self._check_view(request)
        context = self._context(request, "Segment grid", map=cell_map())
        return TemplateResponse(request, "crm/grid.html", context)

    def glossary_view(self, request: HttpRequest) -> HttpResponse:
        segments = Segment.objects.all()
        context = self._context(request, "Glossary", segments=segments, prospects=PROSPECTS)
        return TemplateResponse(request, "crm/glossary.html", context)

    def _check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _context(self, request: HttpRequest, title: str, **extra: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, **extra}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["segments"] = {segment.code: segment for segment in Segment.objects.all()}
        run = context.get("original")
        counts = run.segment_counts if run else {}
        context["counts"] = [
            (segment, counts.get(code, 0)) for code, segment in context["segments"].items()
        ]
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(
        description="Status",
        label={"current": "success", "succeeded": "info", "failed": "danger", "thinned": "warning"},
    )
    def state(self, run: RfmRun) -> str:
        if run.is_current:
            return "current"
        return "thinned" if run.scores_dropped_at else run.status

    @admin.display(description="Scored", ordering="scored")
    def shown_scored(self, run: RfmRun) -> str:
        return formats.count(run.scored)

    @admin.display(description="Prospects", ordering="prospects")
    def shown_prospects(self, run: RfmRun) -> str:
        return formats.count(run.prospects)

    @admin.display(description="Took")
    def took(self, run: RfmRun) -> str:
        return formats.duration(run.finished_at - run.started_at if run.finished_at else None)


class ScoreCodeFilter(TextFilter):
    title = "score (like 555, or 55 for any M)"
    parameter_name = "code"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        digits = (self.value() or "").strip()
        if not digits:
            return queryset
        if len(digits) > len("rfm") or not set(digits) <= set("12345"):
            return queryset.none()
        return queryset.filter(
            **{name: int(digit) for name, digit in zip("rfm", digits, strict=False)}
        )


@admin.register(CurrentRfmScore)
class CurrentRfmScoreAdmin(ReadOnlyAdminMixin, CrmAdmin[CurrentRfmScore]):
    """Scores of the current run, customer by customer."""

    list_display = ["customer", "segment", "code", "recency_days", "frequency", "money"]
    list_filter = ["segment", ScoreCodeFilter]
    list_select_related = ["customer", "segment"]
    ordering = ["customer_id"]
    sortable_by: list[str] = []
    search_fields = ["customer__code__exact"]
    search_help_text = "Customer code, whole"

    @admin.display(description="Money")
    def money(self, score: CurrentRfmScore) -> str:
        return formats.money(score.monetary)
