"""The command palette: customers, orders, products, signals and receipts, found by words."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.dataclasses import SearchResult

from analytics.admin.raw_events import at_its_time
from analytics.models import QuarantinedEvent, RawEvent, Signal
from analytics.selectors.search import CUSTOMERS, PRODUCTS, SIGNALS, SearchHit
from analytics.selectors.search import search as find
from orders.admin.palette import orders

_EACH = 8
# One letter is found everywhere.
_SHORTEST = 2
_KINDS = {
    CUSTOMERS: ("customers.view_customer", "customers_customer", "person"),
    PRODUCTS: ("orders.view_product", "orders_product", "inventory_2"),
    SIGNALS: ("analytics.view_signal", "analytics_signal", "sensors"),
}
_RECEIPTS: tuple[tuple[Any, str, str], ...] = (
    (Signal, "analytics_signal", "sensors"),
    (QuarantinedEvent, "analytics_quarantinedevent", "report"),
    (RawEvent, "analytics_rawevent", "data_object"),
)


def search(request: HttpRequest, text: str) -> list[SearchResult]:
    """Return the first hits of each kind that the user may see, the best first."""
    text = text.strip().replace("\x00", "")
    if len(text) < _SHORTEST:
        return []
    try:
        return list(_by_receipt(request, UUID(text)))
    except ValueError:
        return [*_by_words(request, text), *orders(request, text)]


def _by_words(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    kinds = [kind for kind, (needed, *_) in _KINDS.items() if request.user.has_perm(needed)]
    found = find(text, kinds=kinds, limit=_EACH, names=CUSTOMERS in kinds)
    for hit in found.hits:
        yield _result(hit, instead_of=text if found.did_you_mean else "")
    if SIGNALS in found.more:
        link = f"{reverse('admin:analytics_signal_changelist')}?{urlencode({'q': text})}"
        yield SearchResult("All signals with these words", "", link, "manage_search")


def _result(hit: SearchHit, *, instead_of: str) -> SearchResult:
    _, page, icon = _KINDS[hit.kind]
    lead = f"{timezone.localtime(hit.occurred_at):%-d %b %Y %H:%M}" if hit.occurred_at else hit.key
    note = format_html("{} · {}", lead, hit.highlight) if hit.highlight else lead
    if instead_of:
        note = format_html("{} · nothing has “{}”", note, instead_of)
    return SearchResult(
        title=hit.title,
        description=note,
        link=reverse(f"admin:{page}_change", args=[hit.id]),
        icon=icon,
    )


def _by_receipt(request: HttpRequest, key: UUID) -> Iterator[SearchResult]:
    """Find what has this id: an event keeps it all its way."""
    for model, page, icon in _RECEIPTS:
        if not request.user.has_perm(f"analytics.view_{model._meta.model_name}"):
            continue
        rows = model._default_manager.all()
        row = (at_its_time(rows, key) if model is RawEvent else rows.filter(pk=key)).first()
        if row is not None:
            link = reverse(f"admin:{page}_change", args=[key])
            yield SearchResult(str(row), f"{model._meta.verbose_name} {key}", link, icon)
