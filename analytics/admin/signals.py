"""Signals: what customers did, newest first, with ten million rows as fast as with ten."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.postgres.search import SearchQuery
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.admin import signal_marks, signal_text
from analytics.admin.queue_page import queue_data_view, queue_view
from analytics.admin.signal_filters import (
    ClassFilter,
    CustomerFilter,
    HistoricalFilter,
    ProductFilter,
    ResolvedFilter,
    SourceFilter,
    TypeFilter,
    asked_text,
)
from analytics.admin.signal_tab import timeline_view
from analytics.admin.signal_text import seconds
from analytics.models import RawEvent, Signal
from crm_project.common import formats
from crm_project.common.admin import ReadOnlyAdminMixin
from crm_project.common.admin.days import DaysFilter
from crm_project.common.admin.keyset import KeysetListAdmin
from crm_project.common.registry import Kpi
from crm_project.common.selectors.estimates import estimated_rows

MADE = "generated"
"""The source of signals that ``generate_signals`` made."""


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdminMixin, KeysetListAdmin[Signal]):
    list_display = ["when", "what", "who", "product_shown", "score_shown", "source_shown"]
    list_filter = [CustomerFilter, TypeFilter, ClassFilter, ("occurred_at", DaysFilter),
                   ResolvedFilter, ProductFilter, SourceFilter, HistoricalFilter]  # fmt: skip
    search_fields = ("search",)
    search_help_text = "Words in the type, the customer, the product or the data; or a receipt"
    list_before_template = "crm/signals_list_before.html"
    change_form_outer_before_template = "crm/kpis.html"
    fieldsets = (
        (None, {"fields": ["what", "who", "product_shown", "data"]}),
        ("When", {"fields": [("when", "received", "stored")]}),
        ("Where from", {"fields": [("source", "message_id"), ("kind", "historical"), "id",
                                   "as_received"]}),
    )  # fmt: skip
    readonly_fields = ["what", "who", "product_shown", "data", "when", "received", "stored",
                       "id", "as_received"]  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("queue/", wrap(queue_view), name="analytics_signal_queue"),
            path(
                "timeline/<int:customer_id>/", wrap(timeline_view), name="analytics_signal_timeline"
            ),
            path("queue/data/", wrap(queue_data_view), name="analytics_signal_queue_data"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find words through the text index, or one signal by its receipt."""
        term = asked_text(search_term)
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            words = SearchQuery(term, config="crm_search", search_type="websearch")
            return queryset.filter(search=words), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        """Load customers and products beside, not by a join: nothing tempts the planner to sort."""
        found: QuerySet[Signal] = super().get_queryset(request)
        return found.prefetch_related("customer", "product")

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        signal_marks.give_types(rows)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"about": estimated_rows(Signal._meta.db_table), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            signal_marks.give_types([found])
        return found

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        signal = context.get("original")
        context["kpis"] = list(figures(signal)) if signal else []
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description="Happened")
    def when(self, signal: Signal) -> str:
        return seconds(signal.occurred_at)

    @admin.display(description="Type")
    def what(self, signal: Signal) -> SafeString:
        return signal_marks.type_mark(signal)

    @admin.display(description="Customer")
    def who(self, signal: Signal) -> SafeString | str:
        return signal_marks.customer_mark(signal)

    @admin.display(description="Product")
    def product_shown(self, signal: Signal) -> SafeString | str:
        return signal_marks.product_mark(signal)

    @admin.display(description="Score")
    def score_shown(self, signal: Signal) -> SafeString:
        return signal_marks.score_mark(signal)

    @admin.display(description="Source")
    def source_shown(self, signal: Signal) -> SafeString | str:
        source = signal_text.visible(signal.source)
        notes = [*(["made"] if signal.source == MADE else []),
                 *(["historical"] if signal.historical else [])]  # fmt: skip
        if not notes:
            return source
        return format_html('{} <span class="crm-share">{}</span>', source, ", ".join(notes))

    @admin.display(description="Received")
    def received(self, signal: Signal) -> str:
        return seconds(signal.received_at)

    @admin.display(description="Stored")
    def stored(self, signal: Signal) -> str:
        return seconds(signal.created_at)

    @admin.display(description="Data")
    def data(self, signal: Signal) -> SafeString:
        return signal_text.pretty(signal.signal_data)

    @admin.display(description="As received")
    def as_received(self, signal: Signal) -> SafeString | str:
        """Lead to the bytes, for those who may see them. Retention may have dropped them."""
        if not RawEvent.objects.filter(pk=signal.pk, received_at=signal.received_at).exists():
            return "no longer kept"
        url = reverse("admin:analytics_rawevent_change", args=[signal.pk])
        return format_html('<a class="crm-link" href="{}">Raw event</a>', url)


def figures(signal: Signal) -> list[Kpi]:
    """Return the strip above a signal: what it is worth, when it happened, how late it came."""
    known = getattr(signal, "known_type", None)
    late = formats.duration(max(signal.received_at - signal.occurred_at, _NO_TIME))
    base = f"the type's base score is {known.base_score} now" if known else "the type is not listed"
    return [
        Kpi("Type", signal_marks.type_words(signal), note=_class_note(signal)),
        Kpi("Score", f"{signal.score:.2f}", note=base),
        Kpi("Happened", f"{timezone.localtime(signal.occurred_at):%-d %b %Y %H:%M}"),
        Kpi("Received after", late, note="historical" if signal.historical else ""),
        Kpi("Stored after", formats.duration(signal.created_at - signal.received_at)),
    ]


def _class_note(signal: Signal) -> str:
    known = getattr(signal, "known_type", None)
    if known and known.signal_class == "outreach":
        return "outreach: ours, never raises the customer's score"
    return signal_marks.class_words(known.signal_class if known else "")


_NO_TIME = timedelta(0)
