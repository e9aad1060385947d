"""A customer's orders, contacts and signals as lines of one list, by day."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from analytics.admin.signal_marks import CLASS_COLOURS, give_types, type_words
from analytics.admin.signal_text import visible
from analytics.models import Signal
from analytics.selectors.timeline import KINDS, Entry, Position, timeline
from crm_project.common import formats
from customers.models import ContactEvent
from orders.models import Order

PERMISSIONS = {
    "order": "orders.view_order",
    "contact": "customers.view_contactevent",
    "signal": "analytics.view_signal",
}
PAGE = 50
FOLD = 3
"""So many signals of one type in a row, on one day, become one line that opens."""

ORDER_COLOUR, CONTACT_COLOUR = "#16a34a", "#a78bfa"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``folded`` holds what a line stands for together."""

    at: datetime
    title: str
    note: str
    href: str
    icon: str
    colour: str
    kind: str
    score: str = ""
    folded: list["Line"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines by day, newest first; ``older`` is the place where the next page begins ("": none)."""

    days: list[tuple[date, list[Line]]]
    older: str


def timeline_page(request: HttpRequest, *, customer_id: int, cursor: str = "") -> Page:
    """Return what this user may see of a customer's timeline, from a place on."""
    kinds = [kind for kind in KINDS if request.user.has_perm(PERMISSIONS[kind])]
    found = timeline(
        customer_id=customer_id, kinds=kinds, limit=PAGE + 1, position=_position(cursor)
    )
    entries = found[:PAGE]
    give_types(entry.row for entry in entries if isinstance(entry.row, Signal))
    lines = [_line(entry) for entry in entries]
    days = [(day, _fold(list(group))) for day, group in groupby(lines, key=_day)]
    return Page(days, _cursor(entries[-1]) if len(found) > PAGE else "")


def _day(line: Line) -> date:
    return timezone.localtime(line.at).date()


def _fold(lines: Iterable[Line]) -> list[Line]:
    folded: list[Line] = []
    for _, group in groupby(lines, key=lambda line: (line.kind, line.title)):
        alike = list(group)
        if alike[0].kind != "signal" or len(alike) < FOLD:
            folded += alike
            continue
        newest, oldest = alike[0], alike[-1]
        since = timezone.localtime(oldest.at)
        folded.append(
            Line(
                at=newest.at,
                title=f"{newest.title}, {len(alike)} times",
                note=f"since {since:%H:%M}",
                href="",
                icon=newest.icon,
                colour=newest.colour,
                kind=newest.kind,
                score=max(line.score for line in alike),
                folded=alike,
            )
        )
    return folded


def _line(entry: Entry) -> Line:
    return _LINES[entry.kind](entry.row)


def _order(order: Order) -> Line:
    back = order.kind == Order.Kind.RETURN
    amount = formats.money(order.net_amount, order.currency)
    return Line(
        at=order.ordered_at,
        title=f"{'Return' if back else 'Order'} {visible(order.number)}",
        note=" · ".join(part for part in (amount, order.status, visible(order.channel)) if part),
        href=reverse("admin:orders_order_change", args=[order.pk]),
        icon="undo" if back else "receipt_long",
        colour=ORDER_COLOUR,
        kind="order",
    )


def _contact(contact: ContactEvent) -> Line:
    ours = contact.direction == ContactEvent.Direction.OUTBOUND
    campaign = visible(contact.campaign.name) if contact.campaign else ""
    parts = (contact.purpose, contact.status, campaign)
    channel = capfirst(contact.get_channel_display())
    return Line(
        at=contact.occurred_at,
        title=f"{channel} {'to' if ours else 'from'} the customer",
        note=" · ".join(str(part) for part in parts if part),
        href=reverse("admin:customers_contactevent_change", args=[contact.pk]),
        icon="outgoing_mail" if ours else "inbox",
        colour=CONTACT_COLOUR,
        kind="contact",
    )


def _signal(signal: Signal) -> Line:
    known = getattr(signal, "known_type", None)
    product = str(signal.product) if signal.product else visible(signal.product_ref)
    return Line(
        at=signal.occurred_at,
        title=type_words(signal),
        note=" · ".join(part for part in (product, "historical" if signal.historical else "")
                        if part),
        href=reverse("admin:analytics_signal_change", args=[signal.pk]),
        icon=_ICONS.get(signal.event_type, "sensors"),
        colour=CLASS_COLOURS.get(known.signal_class if known else "", CLASS_COLOURS[""]),
        kind="signal",
        score=f"{signal.score:.2f}",
    )  # fmt: skip


_LINES: dict[str, Callable[[Any], Line]] = {
    "order": _order,
    "contact": _contact,
    "signal": _signal,
}
_ICONS = {
    "view": "visibility",
    "add_to_cart": "add_shopping_cart",
    "purchase": "shopping_bag",
    "inquiry": "help",
    "bot_command": "smart_toy",
    "email_sent": "outgoing_mail",
    "email_opened": "drafts",
    "email_clicked": "ads_click",
    "meeting_booked": "event",
    "call_made": "call",
    "demo_completed": "task_alt",
    "identify": "badge",
    "page": "web",
}


def _cursor(entry: Entry) -> str:
    return f"{(entry.occurred_at - _EPOCH) // _MICROSECOND}.{entry.rank}.{entry.key}"


def _position(cursor: str) -> Position | None:
    """Read a place; None (the beginning) for text that names none."""
    try:
        micros, rank, key = cursor.split(".")
        kind = KINDS[int(rank)] if int(rank) >= 0 else ""
        number = UUID(key) if kind == "signal" else int(key)
        if isinstance(number, int) and not 0 <= number < 2**63:
            return None
        return Position(_EPOCH + int(micros) * _MICROSECOND, int(rank), number)
    except (ValueError, LookupError, OverflowError):
        return None
