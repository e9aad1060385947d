"""Let approved lists leave for a campaign: look first, then export; and the log of what left."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.http import StreamingHttpResponse as Streaming
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from analytics.models import SavedSegment
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.job_started import started
from crm_project.common.admin.theme import display
from crm_project.common.exceptions import CrmError
from customers.models import Campaign, Purpose
from recommendations.admin.exports_shown import by_scenario, export_kpis, left_out, preview_kpis
from recommendations.models import RecoExport, RecoExportFile, RecoRun
from recommendations.services.export_files import read_file
from recommendations.services.exports import preview_export

EXPORT = "recommendations.add_recoexport"
ROWS_SHOWN = 12

MOST_JUDGED = 20_000
"""Lists that a page judges again while somebody waits; of more, it believes the last audit."""


class ExportForm(forms.Form):
    """For which campaign, and for whom."""

    campaign = forms.ModelChoiceField(
        label="Campaign",
        queryset=Campaign.objects.none(),
        to_field_name="code",
        empty_label="Choose a campaign",
        widget=UnfoldAdminSelectWidget,
        help_text="It says over which channel and for what customers are contacted, and how many "
        "are held back as the control group.",
    )
    segment = forms.ModelChoiceField(
        label="Only a saved segment",
        queryset=SavedSegment.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="Everybody with an approved list",
        widget=UnfoldAdminSelectWidget,
        help_text="As its last rebuild found the members.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now = timezone.now()
        campaign: Any = self.fields["campaign"]
        campaign.queryset = Campaign.objects.filter(
            Q(ends_at=None) | Q(ends_at__gt=now), purpose=Purpose.MARKETING
        )
        campaign.label_from_instance = lambda row: f"{row.name} ({row.get_channel_display()})"
        segment: Any = self.fields["segment"]
        segment.queryset = SavedSegment.objects.active().order_by("name")


def export_view(request: HttpRequest, run_id: int) -> HttpResponse:
    """Choose a campaign, see who would leave and why the others stay; then let them leave."""
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    run = get_object_or_404(RecoRun.objects.select_related("config"), pk=run_id)
    sent = request.POST if request.method == "POST" else request.GET
    form = ExportForm(sent if "campaign" in sent else None)
    asked = form.cleaned_data if form.is_bound and form.is_valid() else {}
    if request.method == "POST" and asked:
        return _start(request, run, asked)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Export run {run.pk}",
        "run": run,
        "form": form,
        "any_campaign": form.fields["campaign"].queryset.exists(),  # type: ignore[attr-defined] # a field of a model
        **(_preview(run, asked) if asked else {}),
    }
    return TemplateResponse(request, "crm/reco_export.html", context)


def _start(request: HttpRequest, run: RecoRun, asked: dict[str, Any]) -> HttpResponse:
    segment = asked["segment"]
    return started(
        request,
        kind="export_recommendations",
        params={
            "run": run.pk,
            "campaign": asked["campaign"].pk,
            "segment": segment.slug if segment else None,
        },
        words="The export is in the queue. Who may leave is asked again at that moment.",
        otherwise=reverse("admin:recommendations_recoexport_changelist"),
    )


def _preview(run: RecoRun, asked: dict[str, Any]) -> dict[str, Any]:
    campaign, segment = asked["campaign"], asked["segment"]
    again = int(run.counts.get("lists", 0)) <= MOST_JUDGED
    context = {"campaign": campaign, "segment": segment, "again": again}
    try:
        found = preview_export(run=run, campaign=campaign, segment=segment, again=again)
    except CrmError as error:
        return {**context, "refused": str(error)}
    return {
        **context,
        "found": found,
        "kpis": preview_kpis(found, campaign.holdout_share),
        "left_out": left_out(found.left_out),
        "by_scenario": by_scenario(found.scenarios),
    }


def file_view(request: HttpRequest, export_id: int) -> HttpResponseBase:
    """Give out the file of an export, byte by byte as it left."""
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    export = get_object_or_404(RecoExport, pk=export_id)
    try:
        parts = read_file(export=export)
    except CrmError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(_page(export))
    response = Streaming(parts, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="export-{export.pk}.csv"'
    return response


@admin.register(RecoExport)
class RecoExportAdmin(ReadOnlyAdminMixin, CrmAdmin[RecoExport]):
    """What left: for which campaign, how many, who stayed, and the hash of the file."""

    list_display = ["created_at", "campaign", "channel", "shown_customers", "shown_rows",
                    "control", "stayed", "state", "created_by"]  # fmt: skip
    list_display_links = ["created_at"]
    list_select_related = ["run", "campaign", "created_by"]
    list_filter = ["campaign", "channel"]
    list_before_template = "crm/reco_export_list_before.html"
    change_form_outer_before_template = "crm/reco_export_before.html"
    ordering = ["-id"]
    sortable_by = ["created_at"]
    readonly_fields = ["run_shown", "campaign_shown", "channel", "purpose", "state", "hash_shown",
                       "created_by", "created_at", "manifest_shown"]  # fmt: skip
    fieldsets = (("Details of the export", {"fields": readonly_fields}),)

    def get_urls(self) -> list[URLPattern]:
        file = path(
            "<int:export_id>/file.csv",
            self.admin_site.admin_view(file_view),
            name="recommendations_export_file",
        )
        return [file, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecoExport]:
        kept = RecoExportFile.objects.filter(export=OuterRef("pk"))
        rows: QuerySet[RecoExport] = super().get_queryset(request)
        return rows.annotate(file_kept=Exists(kept))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"any_export": RecoExport.objects.exists(), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        made = context.get("original")
        if made:
            rows = made.items.select_related("customer", "product")
            context["kpis"] = export_kpis(made)
            context["left_out"] = left_out(made.left_out)
            context["rows"] = list(rows.order_by("id")[:ROWS_SHOWN])
            context["may_download"] = request.user.has_perm(EXPORT)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description="Customers")
    def shown_customers(self, made: RecoExport) -> str:
        return formats.count(made.customers)

    @admin.display(description="Products")
    def shown_rows(self, made: RecoExport) -> str:
        return formats.count(made.rows)

    @admin.display(description="Control")
    def control(self, made: RecoExport) -> str:
        return formats.count(made.manifest.get("control"))

    @admin.display(description="Stayed")
    def stayed(self, made: RecoExport) -> str:
        return formats.count(sum(made.left_out.values()))

    @display(description="File", label={"kept": "success", "thinned": "warning"})
    def state(self, made: RecoExport) -> str:
        return "kept" if getattr(made, "file_kept", False) else "thinned"

    @admin.display(description="SHA-256")
    def hash_shown(self, made: RecoExport) -> SafeString:
        return format_html('<span class="crm-raw">{}</span>', made.sha256)

    @admin.display(description="Run")
    def run_shown(self, made: RecoExport) -> SafeString:
        href = reverse("admin:recommendations_recorun_change", args=[made.run_id])
        words = f"{made.run_id}, as of {made.run.as_of:%-d %b %Y}"
        return format_html('<a class="crm-link" href="{}">{}</a>', href, words)

    @admin.display(description="Campaign")
    def campaign_shown(self, made: RecoExport) -> SafeString:
        href = reverse("admin:customers_campaign_change", args=[made.campaign_id])
        return format_html('<a class="crm-link" href="{}">{}</a>', href, made.campaign.name)

    @admin.display(description="Manifest")
    def manifest_shown(self, made: RecoExport) -> SafeString:
        text = json.dumps(made.manifest, indent=2, ensure_ascii=False)
        return format_html('<pre class="crm-pre">{}</pre>', text)


def _page(export: RecoExport) -> str:
    return reverse("admin:recommendations_recoexport_change", args=[export.pk])
