"""Saved segments: describe customers by a rule, see who they are, take the list away."""

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from analytics.admin.job_started import started
from analytics.admin.saved_segment_form import SavedSegmentForm
from analytics.admin.saved_segment_pages import SavedSegmentPages
from analytics.models import SavedSegment, SavedSegmentExport
from analytics.scoring.segment_examples import usable
from analytics.selectors.segment_choices import registry
from analytics.selectors.segment_words import in_words
from analytics.services import saved_segments as services
from analytics.services.saved_segment_exports import export_members
from crm_project.common import formats
from crm_project.common.admin import (
    CrmAdmin,
    HistoryAdmin,
    ReadOnlyAdminMixin,
    ReasonAdmin,
    done,
    person,
    remember_reason,
)
from crm_project.common.admin.theme import BaseDialogForm, RadioFilter, action, display
from crm_project.common.exceptions import CrmError
from crm_project.common.middleware import REASON_FIELD
from crm_project.common.selectors.history import Source

REBUILD = "rebuild_saved_segments"
STATES = {
    "built": "success",
    "rule changed": "warning",
    "not built": "warning",
    "failed": "danger",
    "archived": "info",
}


class StateFilter(RadioFilter):
    """Archived segments are out of the way until somebody asks for them."""

    title = "state"
    parameter_name = "state"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("use", "In use"), ("failed", "Failed"), ("archived", "Archived")]

    def value(self) -> str:
        return super().value() or "use"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "archived":
            return queryset.filter(is_archived=True)
        found = queryset.filter(is_archived=False)
        return found.exclude(error="") if self.value() == "failed" else found


class ConfirmForm(BaseDialogForm):
    """Asks once more; nothing else."""


def _asks(title: str, words: str, submit: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": words,
        "form_class": ConfirmForm,
        "form_submit_text": submit,
    }


@admin.register(SavedSegment)
class SavedSegmentAdmin(SavedSegmentPages, HistoryAdmin[SavedSegment], ReasonAdmin[SavedSegment]):
    class Media:
        css = {"all": ("crm/rule_builder.css",)}

    form = SavedSegmentForm
    list_display = ["name", "customers", "change", "state", "built", "took", "owner"]
    list_filter = [StateFilter]
    list_select_related = ["owner"]
    search_fields = ["name", "slug", "description"]
    search_help_text = "Part of the name, slug or description"
    ordering = ["name"]
    sortable_by = ["name", "customers", "built"]
    list_before_template = "crm/saved_list_before.html"
    change_form_outer_before_template = "crm/saved_before.html"
    actions_list = ["rebuild_all"]
    actions_detail = ["rebuild", "download", "archive", "restore"]
    history_sources = [Source(apps.get_model("analytics.SavedSegmentEvent"))]
    fields = ["name", "slug", "description", "rule", "seen_at"]
    readonly_fields = ["in_words"]

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            wrapped = self.admin_site.admin_view(view)
            found: URLPattern = path(route, wrapped, name=f"analytics_savedsegment_{name}")
            return found

        return [
            to("preview/", self.preview_view, "preview"),
            to("<int:segment_id>/why/", self.why_view, "why"),
            *super().get_urls(),
        ]

    # What may be done, and by whom.

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An archived segment is restored before it is changed."""
        if isinstance(obj, SavedSegment) and obj.is_archived:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Segments are archived, so that what was sent to whom stays understandable."""
        return False

    def has_rebuild_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("analytics.rebuild_savedsegment")
        return allowed and _is(object_id, archived=False)

    def has_export_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("analytics.export_savedsegment")
        return allowed and _is(object_id, archived=False)

    def has_archive_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("analytics.delete_savedsegment")
        return allowed and _is(object_id, archived=False)

    def has_restore_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("analytics.change_savedsegment")
        return allowed and _is(object_id, archived=True)

    # The form.

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if self._may_save(request, obj):
            return [*super().get_fieldsets(request, obj)]
        return [(None, {"fields": ["name", "slug", "description", "in_words", "rule"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Links, exports and the API use the slug: it is fixed once the segment exists."""
        return ["in_words", *(["slug"] if obj else [])]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with an example, where a link asks for one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        wanted = request.GET.get("example", "")
        for example in usable(registry()) if wanted else ():
            if example.slug == wanted:
                return {"name": example.name, "slug": example.slug, "rule": dict(example.rule),
                        "description": example.description}  # fmt: skip
        return initial

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        remember_reason(form.cleaned_data.get(REASON_FIELD, ""))
        given = {name: form.cleaned_data[name] for name in ("name", "description", "rule")}
        if change:
            saved = services.update_saved_segment(segment_id=obj.pk, values=given)
        else:
            given["owner"] = person(request)
            saved = services.create_saved_segment(slug=form.cleaned_data["slug"], values=given)
        obj.__dict__.update(saved.__dict__)

    # Actions.

    @action(
        description="Rebuild all",
        permissions=["rebuild"],
        icon="refresh",
        dialog=_asks(
            "Rebuild all segments in use?",
            "Until each is done, everybody sees its former members.",
            "Rebuild all",
        ),
    )
    def rebuild_all(self, request: HttpRequest, form: ConfirmForm) -> HttpResponse:
        words = "All segments in use are rebuilt in the background."
        here = reverse("admin:analytics_savedsegment_changelist")
        return started(request, kind=REBUILD, params={"slugs": None}, words=words, otherwise=here)

    @action(
        description="Rebuild",
        permissions=["rebuild"],
        icon="refresh",
        dialog=_asks(
            "Rebuild this segment?",
            "Its members are found anew, by the rule as it stands.",
            "Rebuild",
        ),
    )
    def rebuild(self, request: HttpRequest, form: ConfirmForm, object_id: str) -> HttpResponse:
        segment = get_object_or_404(SavedSegment, pk=object_id)
        words = "The rebuild is in the queue. Until it is done, everybody sees the former members."
        params = {"slugs": [segment.slug]}
        return started(request, kind=REBUILD, params=params, words=words, otherwise=_page(segment))

    @action(description="Download CSV", permissions=["export"], icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        segment = get_object_or_404(SavedSegment, pk=object_id)
        try:
            lines = export_members(
                segment=segment,
                user=person(request),
                way=SavedSegmentExport.Way.ADMIN,
                personal=request.user.has_perm("customers.view_customer"),
                request_id=request.META.get("crm.request_id", ""),
            )
        except CrmError as error:
            messages.error(request, str(error))
            return done(request, _page(segment))
        disposition = f'attachment; filename="segment-{segment.slug}.csv"'
        return StreamingHttpResponse(
            lines,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": disposition},
        )

    @action(
        description="Archive",
        permissions=["archive"],
        icon="archive",
        variant=ActionVariant.DANGER,
        dialog=_asks(
            "Archive this segment?",
            "Its members go, and it is no longer rebuilt. The description and its "
            "history stay, and it can be restored.",
            "Archive",
        ),
    )
    def archive(self, request: HttpRequest, form: ConfirmForm, object_id: str) -> HttpResponse:
        return self._do(request, object_id, services.archive_saved_segment, "It is archived.")

    @action(
        description="Restore",
        permissions=["restore"],
        icon="unarchive",
        dialog=_asks(
            "Take this segment into use again?", "The next rebuild finds its members.", "Restore"
        ),
    )
    def restore(self, request: HttpRequest, form: ConfirmForm, object_id: str) -> HttpResponse:
        words = "It is in use again. Rebuild it to find its members."
        return self._do(request, object_id, services.restore_saved_segment, words)

    def _do(self, request: HttpRequest, object_id: str, work: Any, words: str) -> HttpResponse:
        segment = get_object_or_404(SavedSegment, pk=object_id)
        try:
            work(segment_id=segment.pk)
        except CrmError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, words)
        return done(request, _page(segment))

    # Columns.

    @admin.display(description="Customers", ordering="member_count")
    def customers(self, segment: SavedSegment) -> SafeString | str:
        if segment.member_count is None:
            return formats.NOTHING
        url = f"{reverse('admin:customers_customer_changelist')}?saved={segment.slug}"
        return format_html(
            '<a class="crm-link" href="{}">{}</a>', url, formats.count(segment.member_count)
        )

    @admin.display(description="Change")
    def change(self, segment: SavedSegment) -> str:
        if segment.added_count is None or segment.removed_count is None:
            return formats.NOTHING
        return f"+{segment.added_count:,} {formats.MINUS}{segment.removed_count:,}"

    @display(description="State", label=STATES)
    def state(self, segment: SavedSegment) -> str:
        if segment.is_archived:
            return "archived"
        if segment.error:
            return "failed"
        if segment.built_at is None:
            return "not built"
        return "rule changed" if segment.is_stale else "built"

    @admin.display(description="As of", ordering="built_at", empty_value=formats.NOTHING)
    def built(self, segment: SavedSegment) -> Any:
        return formats.moment(segment.built_at)

    @admin.display(description="Took")
    def took(self, segment: SavedSegment) -> str:
        return milliseconds(segment.duration_ms)

    @admin.display(description="In words")
    def in_words(self, segment: SavedSegment) -> str:
        return in_words(segment) if segment.pk else formats.NOTHING


@admin.register(SavedSegmentExport)
class SavedSegmentExportAdmin(ReadOnlyAdminMixin, CrmAdmin[SavedSegmentExport]):
    """Who took members of a segment away as a file."""

    list_display = ["segment", "user", "way", "personal", "rows", "started_at", "finished_at"]
    list_select_related = ["segment", "user"]
    list_filter = ["way", "personal"]
    search_fields = ["segment__slug__exact", "user__username__exact"]
    search_help_text = "Slug of the segment or user name, whole"
    ordering = ["-id"]
    sortable_by: list[str] = []
    fields = [*list_display, "request_id"]
    readonly_fields = fields


def milliseconds(number: int | None) -> str:
    """Return how long a rebuild took, like ``35 ms`` or ``2.1 s``."""
    if number is None:
        return formats.NOTHING
    return f"{number:,} ms" if number < 1000 else f"{number / 1000:,.1f} s"


def _is(object_id: Any, *, archived: bool) -> bool:
    """Offer a button only where it makes sense; a list (no id) offers what it has."""
    if object_id is None:
        return True
    if not str(object_id).isdecimal():
        return False
    return SavedSegment.objects.filter(pk=object_id, is_archived=archived).exists()


def _page(segment: SavedSegment) -> str:
    return reverse("admin:analytics_savedsegment_change", args=[segment.pk])
