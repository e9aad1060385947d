"""All that happened with one customer in one list: orders, contacts and signals, newest first.

Each kind is read by its own index from a position on, and the heads are merged: a page costs the
same wherever it lies, and no kind is read further than the page.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from analytics.models import Signal
from customers.models import ContactEvent
from orders.models import Order


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list: the moment, then the kind's rank, then the id within the kind."""

    occurred_at: datetime
    rank: int
    key: int | UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``row`` is an Order, a ContactEvent or a Signal."""

    kind: str
    rank: int
    occurred_at: datetime
    key: int | UUID
    row: Model


@dataclass(frozen=True, slots=True)
class _Kind:
    rank: int
    moment: str
    rows: QuerySet[Any]


_KINDS = {
    "order": _Kind(0, "ordered_at", Order.objects.all()),
    "contact": _Kind(1, "occurred_at", ContactEvent.objects.select_related("campaign")),
    "signal": _Kind(2, "occurred_at", Signal.objects.select_related("product")),
}
KINDS = tuple(_KINDS)


def timeline(
    *,
    customer_id: int,
    kinds: Collection[str] = KINDS,
    limit: int,
    position: Position | None = None,
    backwards: bool = False,
) -> list[Entry]:
    """Return up to ``limit`` entries beyond a position: older ones, or newer ones if backwards.

    The nearest to the position comes first. One query per kind.
    """
    found = [
        Entry(name, kind.rank, getattr(row, kind.moment), row.pk, row)
        for name, kind in _KINDS.items()
        if name in kinds
        for row in _beyond(kind, customer_id, position, backwards)[:limit]
    ]
    # Keys are compared within a kind only: before them, ranks differ.
    found.sort(key=lambda e: (e.occurred_at, e.rank, e.key), reverse=not backwards)
    return found[:limit]


def _beyond(
    kind: _Kind, customer_id: int, position: Position | None, backwards: bool
) -> QuerySet[Any]:
    sign, strictly = ("", "gt") if backwards else ("-", "lt")
    rows = kind.rows.filter(customer_id=customer_id).order_by(f"{sign}{kind.moment}", f"{sign}pk")
    if position is None:
        return rows
    reached = Q(**{f"{kind.moment}__{strictly}e": position.occurred_at})
    passed = Q(**{f"{kind.moment}__{strictly}": position.occurred_at})
    if kind.rank == position.rank:
        return rows.filter(reached & (passed | Q(**{f"pk__{strictly}": position.key})))
    follows = kind.rank > position.rank if backwards else kind.rank < position.rank
    return rows.filter(reached if follows else passed)
