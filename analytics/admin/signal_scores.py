"""Who is interested, as of the last night: the highest scores first."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from analytics.admin.signal_tab import STRONG, interest_words
from analytics.admin.signal_text import seconds
from analytics.models import SignalScore
from crm_project.common import formats
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.theme import RadioFilter


class IntentFilter(RadioFilter):
    title = "intent in 14 days"
    parameter_name = "intent"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("strong", "Strong")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(intent__gte=STRONG) if self.value() == "strong" else queryset


@admin.register(SignalScore)
class SignalScoreAdmin(ReadOnlyAdminMixin, CrmAdmin[SignalScore]):
    """The page of a customer computes the same for now."""

    list_display = ["customer", "interest", "strong", "signals", "last_signal", "as_of_shown"]
    list_select_related = ["customer"]
    list_filter = [IntentFilter]
    paginator = InfinitePaginator
    ordering = ["-score", "customer_id"]
    sortable_by: list[str] = []
    search_fields = ["customer__code__exact"]
    search_help_text = "Customer code, whole"
    fields = list_display
    readonly_fields = fields

    @admin.display(description="Interest")
    def interest(self, row: SignalScore) -> str:
        return f"{interest_words(row.score)} of 100"

    @admin.display(description="Intent in 14 days")
    def strong(self, row: SignalScore) -> SafeString | str:
        if row.intent >= STRONG:
            return format_html("<strong>{}</strong> strong", f"{row.intent:.2f}")
        return f"{row.intent:.2f}" if row.intent else formats.NOTHING

    @admin.display(description="Signals in 90 days")
    def signals(self, row: SignalScore) -> str:
        return formats.count(row.signals_90d)

    @admin.display(description="Last signal")
    def last_signal(self, row: SignalScore) -> str:
        return seconds(row.last_signal_at)

    @admin.display(description="As of")
    def as_of_shown(self, row: SignalScore) -> str:
        return seconds(row.as_of)
