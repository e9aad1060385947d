"""Runs of the recommendations: what they found and were made from; start one."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
)

from analytics.admin.job_started import started
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.theme import BaseDialogForm, action, display
from crm_project.common.exceptions import CrmError
from recommendations.admin.run_decisions import RunPages, leads
from recommendations.admin.run_shown import shown
from recommendations.models import RecoConfig, RecoRun
from recommendations.selectors.customers_asked import chosen_customers

MOST_CUSTOMERS = 1_000


class RecommendForm(BaseDialogForm):
    """What a run is asked for."""

    as_of = forms.DateField(
        label="As of",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="The end of this day counts; nothing later is looked at. Empty: today. A day "
        "before that of the current run only goes into the history.",
    )
    config = forms.ModelChoiceField(
        label="Settings",
        queryset=RecoConfig.objects.order_by("-pk"),
        required=False,
        empty_label="The active ones",
        widget=UnfoldAdminSelectWidget,
    )
    customers = forms.CharField(
        label="Only these customers",
        required=False,
        max_length=MOST_CUSTOMERS * 20,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Codes, separated by commas or on lines of their own. Empty: all. A run of some "
        "customers is for looking; it never becomes the current one.",
    )

    def clean_customers(self) -> list[str] | None:
        text = self.cleaned_data["customers"].replace("\x00", "")
        codes = [code.strip() for line in text.splitlines() for code in line.split(",")]
        codes = sorted({code for code in codes if code})
        if len(codes) > MOST_CUSTOMERS:
            raise forms.ValidationError(f"Give at most {MOST_CUSTOMERS:,} customers.")
        if not codes:
            return None
        try:
            chosen_customers(codes)
        except CrmError as error:
            raise forms.ValidationError(str(error)) from error
        return codes


@admin.register(RecoRun)
class RecoRunAdmin(ReadOnlyAdminMixin, RunPages, CrmAdmin[RecoRun]):
    list_display = ["day", "state", "gate_shown", "approval_shown", "shown_lists", "shown_items",
                    "contactable", "ranked_by", "settings_hash", "took"]  # fmt: skip
    list_select_related = ["config"]
    list_filter = ["status", "approval", "mode"]
    ordering = ["-id"]
    sortable_by = ["day"]
    actions_list = ["recommend_now"]
    list_before_template = "crm/reco_run_list_before.html"
    change_form_outer_before_template = "crm/reco_run.html"
    readonly_fields = ["as_of", "state", "approval_shown", "settings_link", "mode", "time_zone",
                       "origin", "chosen", "created_by", "started_at", "finished_at", "took",
                       "items_dropped_at"]  # fmt: skip
    fieldsets = (("Details of the run", {"classes": ["collapse"], "fields": readonly_fields}),)

    def has_recommend_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("recommendations.add_recorun")

    @action(
        description="Recommend now",
        permissions=["recommend"],
        icon="play_arrow",
        dialog={
            "title": "Recommend to all customers",
            "description": "Runs in the background. What everybody sees changes in one moment, "
            "when the new lists are complete; nothing is sent to anybody.",
            "form_class": RecommendForm,
            "form_submit_text": "Recommend now",
        },
    )
    def recommend_now(self, request: HttpRequest, form: RecommendForm) -> HttpResponse:
        asked = form.cleaned_data
        return started(
            request,
            kind="recommend",
            params={
                "as_of": asked["as_of"].isoformat() if asked["as_of"] else None,
                "config": asked["config"].hash if asked["config"] else None,
                "customers": asked["customers"],
                "origin": RecoRun.Origin.ADMIN.value,
            },
            words="The recommendations are in the queue.",
            otherwise=reverse("admin:recommendations_recorun_changelist"),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"any_run": RecoRun.objects.exists(), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = context.get("original")
        if run:
            context["shown"] = shown(run)
            context["leads"] = leads(request, run)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(
        description="Status",
        label={"current": "success", "succeeded": "info", "failed": "danger", "stopped": "danger",
               "thinned": "warning"},
    )  # fmt: skip
    def state(self, run: RecoRun) -> str:
        if run.is_current:
            return "current"
        return "thinned" if run.items_dropped_at else run.status

    @admin.display(description="As of", ordering="as_of")
    def day(self, run: RecoRun) -> str:
        return _together(f"{run.as_of:%-d %b %Y}")

    @display(description="Audit", label={"passed": "success", "shut": "danger"})
    def gate_shown(self, run: RecoRun) -> str:
        if "passed" not in run.gate:
            return formats.NOTHING
        return "passed" if run.gate["passed"] else "shut"

    @admin.display(description="Ranked by")
    def ranked_by(self, run: RecoRun) -> str:
        return "score" if run.mode == RecoRun.Mode.WEIGHTED else "signals"

    @admin.display(description="Settings")
    def settings_hash(self, run: RecoRun) -> str:
        return run.config.hash[:8]

    @display(
        description="Approval",
        label={"approved": "success", "rejected": "danger", "flagged": "warning"},
    )
    def approval_shown(self, run: RecoRun) -> str:
        return run.approval if run.status == RecoRun.Status.SUCCEEDED else formats.NOTHING

    @admin.display(description="Lists")
    def shown_lists(self, run: RecoRun) -> str:
        return formats.count(run.counts.get("lists"))

    @admin.display(description="Products")
    def shown_items(self, run: RecoRun) -> str:
        return formats.count(run.counts.get("items"))

    @admin.display(description="May be contacted")
    def contactable(self, run: RecoRun) -> str:
        return formats.count(run.counts.get("contactable"))

    @admin.display(description="Settings")
    def settings_used(self, run: RecoRun) -> str:
        return f"{run.config.name} ({run.config.hash[:8]})"

    @admin.display(description="Settings")
    def settings_link(self, run: RecoRun) -> SafeString:
        href = reverse("admin:recommendations_recoconfig_change", args=[run.config_id])
        return format_html('<a class="crm-link" href="{}">{}</a>', href, self.settings_used(run))

    @admin.display(description="Only for")
    def chosen(self, run: RecoRun) -> str:
        return ", ".join(run.customers_chosen or []) or "all customers"

    @admin.display(description="Took")
    def took(self, run: RecoRun) -> str:
        seconds = run.finished_at - run.started_at if run.finished_at else None
        return _together(formats.duration(seconds))


def _together(text: str) -> str:
    """Let a crowded table not break a date or a duration."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
