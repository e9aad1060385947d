"""Quarantine: events that were acknowledged and cannot be stored. Staff decide: replay, discard."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.admin.quarantine_decisions import DISCARD, REPLAY, Decision
from analytics.admin.signal_filters import SourceFilter, asked_text
from analytics.admin.signal_text import body_text, message_mark, pre, seconds, visible
from analytics.models import QuarantinedEvent, RawEvent
from analytics.selectors.quarantine import open_ids, open_reasons
from crm_project.common import formats, tasks
from crm_project.common.admin import ReadOnlyAdminMixin, done, person
from crm_project.common.admin.keyset import KeysetListAdmin
from crm_project.common.admin.theme import DropdownFilter, RadioFilter, display
from crm_project.common.services import jobs

STATES = {"open": "warning", "stored": "success", "duplicate": "info", "discarded": "danger"}


class StateFilter(RadioFilter):
    """What waits is shown first; what was decided stays as a record."""

    title = "state"
    parameter_name = "state"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("open", "Open"), ("decided", "Decided"), ("all", "All")]

    def value(self) -> str:
        return super().value() or "open"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.value()
        return queryset if state == "all" else queryset.filter(resolved_at__isnull=state == "open")


class CodeFilter(DropdownFilter):
    title = "reason"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        """Codes of open events, and the one that a link asks for."""
        found = {reason.code: f"{reason.code} ({reason.events:,})" for reason in open_reasons()}
        asked = asked_text(request.GET.get(self.parameter_name))
        return [*found.items(), *([(asked, asked)] if asked and asked not in found else [])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = asked_text(self.value())
        return queryset.filter(code=code) if code else queryset


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(ReadOnlyAdminMixin, KeysetListAdmin[QuarantinedEvent]):
    keyset = ("quarantined_at", "id")
    list_display = ["when", "state", "code", "why", "source_shown", "message_shown",
                    "attempts"]  # fmt: skip
    list_filter = [StateFilter, CodeFilter, SourceFilter]
    search_fields = ("id",)
    search_help_text = "A receipt (UUID), or a whole message id"
    list_before_template = "crm/quarantine_list_before.html"
    actions = ["replay_selected", "discard_selected"]
    actions_list = ["replay_some", "discard_some"]
    actions_detail = ["replay", "discard"]
    fields = ["state", "why", "code", "content", "id", "raw", "source_shown", "message_shown",
              "came_as", "received_at", "when", "attempts", "last_attempt_at",
              "resolved_at", "resolved_by"]  # fmt: skip
    readonly_fields = fields

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("analytics.replay_quarantinedevent")
        return allowed and _is_open(object_id)

    def has_discard_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        allowed = request.user.has_perm("analytics.discard_quarantinedevent")
        return allowed and _is_open(object_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = asked_text(search_term)
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            return queryset.filter(message_id=term), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"reasons": open_reasons(), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @admin.action(description="Replay the selected events …", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._confirm(request, queryset, REPLAY)

    @admin.action(description="Discard the selected events …", permissions=["discard"])
    def discard_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._confirm(request, queryset, DISCARD)

    def _confirm(
        self, request: HttpRequest, queryset: Any, decision: Decision
    ) -> HttpResponse | None:
        """Ask once more, with the number; then write the job."""
        events = list(queryset.filter(resolved_at__isnull=True).order_by("pk"))
        if not events:
            messages.warning(request, "None of the selected events is open any more.")
            return None
        form_class: Any = decision.form
        given = request.POST if "confirmed" in request.POST else None
        form = form_class(data=given, request=request)
        if form.is_bound and form.is_valid():
            return self._start(request, decision, form, [str(event.pk) for event in events])
        context = {
            **self.admin_site.each_context(request),
            "title": f"{decision.verb} these events?",
            "opts": self.opts,
            "events": events,
            "form": form,
            "action": request.POST.get("action"),
            "decision": decision,
        }
        return TemplateResponse(request, "crm/quarantine_confirm.html", context)

    @REPLAY.on_some
    def replay_some(self, request: HttpRequest, form: Any) -> HttpResponse:
        return self._start_some(request, REPLAY, form)

    @DISCARD.on_some
    def discard_some(self, request: HttpRequest, form: Any) -> HttpResponse:
        return self._start_some(request, DISCARD, form)

    @REPLAY.on_one
    def replay(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start_one(request, REPLAY, form, object_id)

    @DISCARD.on_one
    def discard(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start_one(request, DISCARD, form, object_id)

    def _start_one(
        self, request: HttpRequest, decision: Decision, form: Any, object_id: str
    ) -> HttpResponse:
        event = get_object_or_404(QuarantinedEvent, pk=object_id)
        return self._start(request, decision, form, [str(event.pk)])

    def _start_some(self, request: HttpRequest, decision: Decision, form: Any) -> HttpResponse:
        """Fix the events now: what arrives while the job waits was not what somebody decided on."""
        ids = [str(key) for key in open_ids(code=form.cleaned_data["code"])]
        if not ids:
            messages.warning(request, "No event waits for a decision.")
            return done(request, reverse("admin:analytics_quarantinedevent_changelist"))
        return self._start(request, decision, form, ids)

    def _start(
        self, request: HttpRequest, decision: Decision, form: Any, ids: list[str]
    ) -> HttpResponse:
        job = jobs.create_job(
            kind=decision.job,
            params={"ids": ids, "reason": form.cleaned_data["reason"]},
            user=person(request),
            request_id=request.META.get("crm.request_id", ""),
        )
        tasks.enqueue(job)
        number = len(ids)
        words = f"{number:,} event{'s' if number != 1 else ''}"
        messages.success(request, f"{words}: the job is in the queue.")
        if request.user.has_perm("common.view_job"):
            return done(request, reverse("admin:common_job_change", args=[job.pk]))
        return done(request, reverse("admin:analytics_quarantinedevent_changelist"))

    @admin.display(description="In quarantine since")
    def when(self, event: QuarantinedEvent) -> str:
        return seconds(event.quarantined_at)

    @display(description="State", label=STATES)
    def state(self, event: QuarantinedEvent) -> str:
        return event.resolution or "open"

    @admin.display(description="Reason")
    def why(self, event: QuarantinedEvent) -> str:
        return visible(event.reason)

    @admin.display(description="Source")
    def source_shown(self, event: QuarantinedEvent) -> str:
        return visible(event.source) or formats.NOTHING

    @admin.display(description="Message id")
    def message_shown(self, event: QuarantinedEvent) -> SafeString | str:
        return message_mark(event.message_id)

    @admin.display(description="Came as")
    def came_as(self, event: QuarantinedEvent) -> str:
        return f"{event.shape}, {event.hint}" if event.hint else event.shape

    @admin.display(description="Raw event")
    def raw(self, event: QuarantinedEvent) -> SafeString | str:
        if not RawEvent.objects.filter(pk=event.pk, received_at=event.received_at).exists():
            return "no longer kept"
        url = reverse("admin:analytics_rawevent_change", args=[event.pk])
        return format_html('<a class="crm-link" href="{}">As received</a>', url)

    @admin.display(description="Body")
    def content(self, event: QuarantinedEvent) -> SafeString:
        return pre(body_text(event.body))


def _is_open(object_id: Any) -> bool:
    """A decided event offers no buttons; a list (no id) does."""
    if object_id is None:
        return True
    try:
        return QuarantinedEvent.objects.open().filter(pk=UUID(str(object_id))).exists()
    except ValueError:
        return False
