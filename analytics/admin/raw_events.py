"""The log of everything that was received, byte for byte: to look at, never to change."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.admin.signal_filters import SourceFilter, asked_text
from analytics.admin.signal_text import body_text, message_mark, pre, seconds, visible
from analytics.models import QuarantinedEvent, RawEvent, Signal
from crm_project.common import formats
from crm_project.common.admin import ReadOnlyAdminMixin
from crm_project.common.admin.days import DaysFilter
from crm_project.common.admin.keyset import KeysetListAdmin
from crm_project.common.admin.theme import RadioFilter, TextFilter, display

OUTCOMES = {"stored": "success", "duplicate": "info", "quarantined": "danger"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TICK = timedelta(days=1)


class ReceivedFilter(DaysFilter):
    """Days as bounds of the key, too: it begins with the time, and it is what has an index."""

    def at_or_after(self, moment: datetime) -> Q:
        return super().at_or_after(moment) & Q(pk__gte=first_key(moment))

    def before(self, moment: datetime) -> Q:
        return super().before(moment) & Q(pk__lt=first_key(moment))


class OutcomeFilter(RadioFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(value, value.capitalize()) for value in RawEvent.Outcome.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(outcome=self.value()) if self.value() in OUTCOMES else queryset


class TokenFilter(TextFilter):
    title = "token (crm_…_)"
    parameter_name = "token"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Take the prefix alone, or the beginning of a token as the token list shows it."""
        text = asked_text(self.value()).removeprefix("crm_").partition("_")[0]
        return queryset.filter(token=text) if text else queryset


@admin.register(RawEvent)
class RawEventAdmin(ReadOnlyAdminMixin, KeysetListAdmin[RawEvent]):
    keyset = ("received_at", "id")
    keyset_order = ["-id"]
    list_display = ["when", "result", "source_shown", "came_as", "token_shown",
                    "message_shown", "begins"]  # fmt: skip
    list_filter = [("received_at", ReceivedFilter), OutcomeFilter, SourceFilter, TokenFilter]
    search_fields = ("id",)
    search_help_text = "A receipt (UUID), or a whole message id"
    fields = ["result", "became", "id", "received_at", "sent_at", "source_shown", "came_as",
              "token_shown", "message_shown", "may_identify", "size", "content"]  # fmt: skip
    readonly_fields = fields

    def keyset_beyond(self, moment: datetime, key: Any, *, way: str) -> Q:
        """The key alone decides; the time only leaves out months, and may be a tick beside it."""
        bound = moment + _TICK if way == "lt" else moment - _TICK
        return Q(**{f"pk__{way}": key, f"received_at__{way}e": bound})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = asked_text(search_term)
        if not term:
            return queryset, False
        try:
            return at_its_time(queryset, UUID(term)), False
        except ValueError:
            return queryset.filter(message_id=term), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        try:
            return at_its_time(self.get_queryset(request), UUID(object_id)).first()
        except ValueError:
            return None

    @admin.display(description="Received")
    def when(self, event: RawEvent) -> str:
        return seconds(event.received_at)

    @display(description="Outcome", label=OUTCOMES)
    def result(self, event: RawEvent) -> str:
        return event.outcome

    @admin.display(description="Became")
    def became(self, event: RawEvent) -> SafeString | str:
        for model, page in ((Signal, "signal"), (QuarantinedEvent, "quarantinedevent")):
            if model._default_manager.filter(pk=event.pk).exists():
                url = reverse(f"admin:analytics_{page}_change", args=[event.pk])
                words = model._meta.verbose_name
                return format_html('<a class="crm-link" href="{}">The {}</a>', url, words)
        if event.outcome == RawEvent.Outcome.DUPLICATE:
            return "nothing of its own: the same event was stored before"
        return formats.NOTHING

    @admin.display(description="Source")
    def source_shown(self, event: RawEvent) -> str:
        return visible(event.source) or formats.NOTHING

    @admin.display(description="Came as")
    def came_as(self, event: RawEvent) -> str:
        return f"{event.shape}, {event.hint}" if event.hint else event.shape

    @admin.display(description="Token")
    def token_shown(self, event: RawEvent) -> str:
        return f"crm_{event.token}_…" if event.token else "none: a command"

    @admin.display(description="Message id")
    def message_shown(self, event: RawEvent) -> SafeString | str:
        return message_mark(event.message_id)

    @admin.display(description="Begins")
    def begins(self, event: RawEvent) -> SafeString:
        start = bytes(event.body)[:120].decode("utf-8", "replace")
        return format_html('<span class="crm-raw crm-one-line">{}</span>', visible(start))

    @admin.display(description="Size")
    def size(self, event: RawEvent) -> str:
        return f"{len(bytes(event.body)):,} bytes"

    @admin.display(description="Body")
    def content(self, event: RawEvent) -> SafeString:
        return pre(body_text(event.body))


def at_its_time(queryset: QuerySet[Any], key: UUID) -> QuerySet[Any]:
    """Look for an event in the month of its id alone: a UUIDv7 says when it was made."""
    found = queryset.filter(pk=key)
    if key.version != 7:
        return found
    try:
        made = _EPOCH + (key.int >> 80) * _MILLISECOND
    except OverflowError:
        return found
    return found.filter(received_at__gte=made - _TICK, received_at__lt=made + _TICK)


def first_key(moment: datetime) -> UUID:
    """Return the smallest key of events received at this time or later (UUIDv7: time first)."""
    millis = max((moment - _EPOCH) // _MILLISECOND, 0)
    return UUID(int=min(millis, (1 << 48) - 1) << 80)
