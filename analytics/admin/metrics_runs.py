"""Runs of the predictions: what they found, how far to trust them; start one, make one current."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminSingleDateWidget

from analytics.admin.job_started import started
from analytics.admin.metrics_shown import mean_of, over_runs, shown
from analytics.models import MetricsRun
from analytics.selectors.pointers import older_than_current
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.theme import BaseDialogForm, action, display
from crm_project.common.charts import written

SCORE = "score_metrics"
RUNS_DRAWN = 40


class MetricsForm(BaseDialogForm):
    """What a run is asked for."""

    as_of = forms.DateField(
        label="As of",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="The end of this day counts; nothing later is looked at. Empty: today. "
        "Predictions of a past day do not become current.",
    )


@admin.register(MetricsRun)
class MetricsRunAdmin(ReadOnlyAdminMixin, CrmAdmin[MetricsRun]):
    list_display = ["as_of", "state", "data", "model", "auc", "ece", "shown_predicted",
                    "took", "created_by", "started_at"]  # fmt: skip
    list_select_related = ["created_by"]
    list_filter = ["status", "quality"]
    ordering = ["-id"]
    sortable_by = ["as_of"]
    actions_list = ["score_now"]
    list_before_template = "crm/metrics_list_before.html"
    change_form_outer_before_template = "crm/metrics_run.html"
    readonly_fields = ["as_of", "state", "data", "time_zone", "model", "churn_model", "value_model",
                       "scored", "predicted", "left_out", "created_by", "started_at",
                       "finished_at", "took", "rows_dropped_at"]  # fmt: skip
    fieldsets = (("Details of the run", {"classes": ["collapse"], "fields": readonly_fields}),)

    def has_score_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("analytics.add_metricsrun")

    @action(
        description="Score metrics now",
        permissions=["score"],
        icon="play_arrow",
        dialog={
            "title": "Predict for all customers",
            "description": "Runs in the background and judges itself on earlier days. The numbers "
            "that everybody sees change in one moment, when the new ones are complete.",
            "form_class": MetricsForm,
            "form_submit_text": "Score metrics now",
        },
    )
    def score_now(self, request: HttpRequest, form: MetricsForm) -> HttpResponse:
        as_of = form.cleaned_data["as_of"]
        return started(
            request,
            kind=SCORE,
            params={
                "as_of": as_of.isoformat() if as_of else None,
                "make_current": not older_than_current(MetricsRun, as_of),
            },
            words="The predictions are in the queue.",
            otherwise=reverse("admin:analytics_metricsrun_changelist"),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        runs = MetricsRun.objects.succeeded().defer("params", "convergence", "fingerprint")
        drawn = list(runs.order_by("-as_of", "-pk")[:RUNS_DRAWN])
        context = {"drawn": over_runs(drawn), "runs": len(drawn), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = context.get("original")
        if run:
            asked = {days: request.GET.get(f"origin_{days}", "") for days in ("30", "90")}
            context["shown"] = shown(run, asked)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(
        description="Status",
        label={"current": "success", "succeeded": "info", "failed": "danger", "thinned": "warning"},
    )
    def state(self, run: MetricsRun) -> str:
        if run.is_current:
            return "current"
        return "thinned" if run.rows_dropped_at else run.status

    @display(description="Data", label={"good": "success", "small": "warning", "none": "danger"})
    def data(self, run: MetricsRun) -> str:
        return run.quality or formats.NOTHING

    @admin.display(description="AUC, 30 days")
    def auc(self, run: MetricsRun) -> str:
        return written(mean_of(run, 30, "auc"))

    @admin.display(description="ECE, 30 days")
    def ece(self, run: MetricsRun) -> str:
        return written(mean_of(run, 30, "ece"), "share")

    @admin.display(description="With predictions", ordering="predicted")
    def shown_predicted(self, run: MetricsRun) -> str:
        return formats.count(run.predicted)

    @admin.display(description="Took")
    def took(self, run: MetricsRun) -> str:
        return formats.duration(run.finished_at - run.started_at if run.finished_at else None)
