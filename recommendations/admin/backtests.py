"""Back-tests of the recommendations: how good they would have been, and the plan chosen by them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSingleDateWidget

from analytics.admin.job_started import started
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.theme import BaseDialogForm, action, display
from recommendations.admin.backtest_shown import shown
from recommendations.models import BacktestRun
from recommendations.services.backtests import MOST_ORIGINS


class BacktestForm(BaseDialogForm):
    """What a back-test is asked for."""

    as_of = forms.DateField(
        label="As of",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="Nothing after the end of this day is looked at. Empty: today.",
    )
    origins = forms.IntegerField(
        label="Past days",
        initial=4,
        min_value=1,
        max_value=MOST_ORIGINS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="From so many days, 30 days apart, it looks ahead. More take longer and make the "
        "intervals narrower.",
    )


@admin.register(BacktestRun)
class BacktestRunAdmin(ReadOnlyAdminMixin, CrmAdmin[BacktestRun]):
    list_display = ["as_of", "state", "hit", "best", "ndcg", "plan", "took", "created_by",
                    "started_at"]  # fmt: skip
    list_select_related = ["created_by"]
    list_filter = ["status"]
    ordering = ["-id"]
    sortable_by = ["as_of"]
    actions_list = ["test_now"]
    list_before_template = "crm/backtest_list_before.html"
    change_form_outer_before_template = "crm/backtest_run.html"
    readonly_fields = ["as_of", "state", "config", "plan", "created_by", "started_at",
                       "finished_at", "took", "error"]  # fmt: skip
    fieldsets = (
        ("Details of the back-test", {"classes": ["collapse"], "fields": readonly_fields}),
    )

    def has_test_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("recommendations.add_backtestrun")

    @action(
        description="Back-test now",
        permissions=["test"],
        icon="play_arrow",
        dialog={
            "title": "Judge recommendations on past days",
            "description": "Runs in the background for some minutes. When it is done, the next run "
            "of recommendations uses the plan it chose; nothing else changes.",
            "form_class": BacktestForm,
            "form_submit_text": "Back-test now",
        },
    )
    def test_now(self, request: HttpRequest, form: BacktestForm) -> HttpResponse:
        as_of = form.cleaned_data["as_of"]
        return started(
            request,
            kind="backtest",
            params={
                "as_of": as_of.isoformat() if as_of else None,
                "origins": form.cleaned_data["origins"],
            },
            words="The back-test is in the queue.",
            otherwise=reverse("admin:recommendations_backtestrun_changelist"),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"any_run": BacktestRun.objects.exists(), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = context.get("original")
        if run:
            context["shown"] = shown(run)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(
        description="Status",
        label={"current": "success", "succeeded": "info", "failed": "danger", "running": "warning"},
    )
    def state(self, run: BacktestRun) -> str:
        return "current" if run.is_current else run.status

    @admin.display(description="Hit rate of three")
    def hit(self, run: BacktestRun) -> str:
        return _verdict(run, "hit", "ours", "{:.1%}")

    @admin.display(description="Best simple rule")
    def best(self, run: BacktestRun) -> str:
        return _verdict(run, "hit", "best_value", "{:.1%}")

    @admin.display(description="NDCG of three")
    def ndcg(self, run: BacktestRun) -> str:
        return _verdict(run, "ndcg", "ours", "{:.4f}")

    @admin.display(description="Plan")
    def plan(self, run: BacktestRun) -> str:
        rows = run.results.get("plans", [])
        return next((row["label"] for row in rows if row["chosen"]), formats.NOTHING)

    @admin.display(description="Took")
    def took(self, run: BacktestRun) -> str:
        return formats.duration(run.finished_at - run.started_at if run.finished_at else None)


def _verdict(run: BacktestRun, measure: str, name: str, written: str) -> str:
    value = run.results.get("verdict", {}).get(measure, {}).get(name)
    return formats.NOTHING if value is None else written.format(value)
