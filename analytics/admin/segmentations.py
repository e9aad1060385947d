"""Segmentations: their groups, names and quality; make new ones."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSingleDateWidget

from analytics.admin.comparison_page import compare_view
from analytics.admin.comparison_shown import sentences
from analytics.admin.job_started import started
from analytics.admin.segmentations_shown import kind_words, shown
from analytics.models import Segmentation, SegmentationCluster
from analytics.selectors.pointers import older_than_current
from analytics.selectors.segmentations import (
    current_segmentations,
    newest_comparisons,
    previous_segmentation,
)
from analytics.services.segmentation_names import rename_cluster
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, person
from crm_project.common.admin.theme import BaseDialogForm, action, display
from crm_project.common.charts import written
from crm_project.common.exceptions import CrmError

BUILD = "segment_customers"
RENAME = "analytics.change_segmentationcluster"


class BuildForm(BaseDialogForm):
    """What a new grouping is asked for."""

    as_of = forms.DateField(
        label="As of",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="The end of this day counts; nothing later is looked at. Empty: today. "
        "Groups of a past day do not become current.",
    )
    kinds = forms.MultipleChoiceField(
        label="Group by",
        choices=Segmentation.Kind.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Empty: all of them.",
    )


@admin.register(Segmentation)
class SegmentationAdmin(ReadOnlyAdminMixin, CrmAdmin[Segmentation]):
    list_display = ["shown_kind", "as_of", "state", "k", "shown_customers", "silhouette",
                    "stability", "took", "started_at"]  # fmt: skip
    list_filter = ["kind", "status", "is_current"]
    ordering = ["-id"]
    sortable_by = ["as_of"]
    actions_list = ["build_now"]
    list_before_template = "crm/segmentations_before.html"
    change_form_outer_before_template = "crm/segmentation.html"
    readonly_fields = ["shown_kind", "as_of", "state", "time_zone", "rfm_run", "seed",
                       "shown_customers", "left_out", "created_by", "started_at", "finished_at",
                       "took"]  # fmt: skip
    fieldsets = (("Details", {"classes": ["collapse"], "fields": readonly_fields}),)

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
            return found

        return [
            to("compare/", compare_view, "analytics_segmentation_compare"),
            to("groups/<int:cluster_id>/rename/", rename_view, "analytics_cluster_rename"),
            *super().get_urls(),
        ]

    def has_build_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("analytics.add_segmentation")

    @action(
        description="Group customers now",
        permissions=["build"],
        icon="play_arrow",
        dialog={
            "title": "Group all customers",
            "description": "Runs in the background. What everybody sees changes in one moment, "
            "when the new groups are complete; names that people gave stay where the customers do.",
            "form_class": BuildForm,
            "form_submit_text": "Group customers now",
        },
    )
    def build_now(self, request: HttpRequest, form: BuildForm) -> HttpResponse:
        as_of = form.cleaned_data["as_of"]
        params: dict[str, Any] = {
            "as_of": as_of.isoformat() if as_of else None,
            "make_current": not older_than_current(Segmentation, as_of),
        }
        if form.cleaned_data["kinds"]:
            params["kinds"] = form.cleaned_data["kinds"]
        return started(
            request,
            kind=BUILD,
            params=params,
            words="The grouping is in the queue.",
            otherwise=reverse("admin:analytics_segmentation_changelist"),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        current = list(current_segmentations().values())
        clusters = SegmentationCluster.objects.filter(segmentation__in=current).order_by("-size")
        groups = list(clusters)
        context = {
            "current": [
                (one, [group for group in groups if group.segmentation_id == one.pk])
                for one in current
            ],
            "comparisons": [(row, sentences(row.verdict)[0]) for row in newest_comparisons()],
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context.get("original")
        if row:
            context["shown"] = shown(row, may_rename=request.user.has_perm(RENAME))
            context["previous"] = previous_segmentation(row)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description="Groups by", ordering="kind")
    def shown_kind(self, row: Segmentation) -> str:
        return kind_words(row)

    @display(
        description="Status",
        label={"current": "success", "succeeded": "info", "failed": "danger", "left out": "warning",
               "thinned": "warning"},
    )  # fmt: skip
    def state(self, row: Segmentation) -> str:
        if row.is_current:
            return "current"
        return "thinned" if row.members_dropped_at else row.status.replace("_", " ")

    @admin.display(description="Customers", ordering="customers")
    def shown_customers(self, row: Segmentation) -> str:
        return formats.count(row.customers)

    @admin.display(description="Silhouette")
    def silhouette(self, row: Segmentation) -> str:
        return written((row.quality.get("silhouette") or {}).get("value"))

    @admin.display(description="Stability")
    def stability(self, row: Segmentation) -> str:
        return written((row.quality.get("stability") or {}).get("mean"))

    @admin.display(description="Took")
    def took(self, row: Segmentation) -> str:
        return formats.duration(row.finished_at - row.started_at if row.finished_at else None)


@require_POST
def rename_view(request: HttpRequest, cluster_id: int) -> HttpResponse:
    """Give a group the name that somebody wrote; nothing written brings the automatic one back."""
    if not request.user.has_perm(RENAME):
        raise PermissionDenied
    cluster = get_object_or_404(SegmentationCluster, pk=cluster_id)
    name = request.POST.get("name", "")
    try:
        renamed = rename_cluster(cluster_id=cluster.pk, name=name, user=person(request))
    except CrmError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Group {renamed.number} is called “{renamed.name}” now.")
    page = reverse("admin:analytics_segmentation_change", args=[cluster.segmentation_id])
    return HttpResponseRedirect(f"{page}#group-{cluster.number}")
