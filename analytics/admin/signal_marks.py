"""A signal's type, customer and score as every page shows them."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.admin.signal_text import visible
from analytics.models import Signal, SignalType
from crm_project.common import formats

CLASS_COLOURS = {
    "": "#94a3b8",
    "outreach": "#a78bfa",
    "engagement": "#38bdf8",
    "high_engagement": "#0ea5e9",
    "intent": "#f59e0b",
    "high_intent": "#ea580c",
}
"""From cool (they looked) to warm (they want something); violet is what we did ourselves."""


def types_by_name() -> dict[str, SignalType]:
    """Return all types by the name that signals carry: one query for a whole page."""
    return {found.event_type: found for found in SignalType.objects.all()}


def give_types(signals: Iterable[Signal]) -> None:
    """Give each signal its type as ``known_type`` (None: nobody has listed that type)."""
    rows = list(signals)
    types = types_by_name() if rows else {}
    for signal in rows:
        signal.known_type = types.get(signal.event_type)  # type: ignore[attr-defined]


def type_words(signal: Signal) -> str:
    """Return what people read for the type, also for one that is not listed."""
    known = getattr(signal, "known_type", None)
    return known.label if known else visible(signal.event_type).replace("_", " ").capitalize()


def type_mark(signal: Signal) -> SafeString:
    known = getattr(signal, "known_type", None)
    signal_class = known.signal_class if known else ""
    return format_html(
        '<span class="crm-nowrap" title="{}"><span class="crm-dot" style="background:{}"></span>'
        "{}</span>",
        f"{visible(signal.event_type)}, {class_words(signal_class)}",
        CLASS_COLOURS.get(signal_class, CLASS_COLOURS[""]),
        type_words(signal),
    )


def class_words(signal_class: str) -> str:
    return str(SignalType.Class(signal_class).label).lower() if signal_class else "no class"


def customer_mark(signal: Any) -> SafeString | str:
    """Link the customer; say so when nobody has the code that was sent."""
    if signal.customer is None:
        return format_html(
            '<span class="crm-unknown" title="{}">{}</span>',
            "Nobody has this code or alias yet. Whoever comes to have it gets the signal.",
            visible(signal.customer_ref),
        )
    url = reverse("admin:customers_customer_change", args=[signal.customer.pk])
    return format_html('<a class="crm-link" href="{}">{}</a>', url, signal.customer)


def product_mark(signal: Any) -> SafeString | str:
    if signal.product is None:
        return visible(signal.product_ref) or formats.NOTHING
    url = reverse("admin:orders_product_change", args=[signal.product.pk])
    return format_html('<a class="crm-link" href="{}">{}</a>', url, signal.product)


def score_mark(signal: Signal) -> SafeString:
    """The score as a number and a small bar, 0 to 1."""
    return format_html(
        '<span class="crm-score"><span class="crm-score-bar"><i style="width:{}%"></i></span>'
        "{}</span>",
        round(float(signal.score) * 100),
        f"{signal.score:.2f}",
    )
