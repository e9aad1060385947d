"""Read the history of changes by staff: who, when, what and why, newest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model

MOST = 100


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after. ``before`` is empty where the earlier value was not kept."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change of one row."""

    at: datetime
    who: str
    what: str
    subject: str
    fields: tuple[FieldChange, ...]
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where events lie: their model, the field that leads to the page's row, and what to call it.

    ``subject`` is empty for events of the row itself.
    """

    events: type[Model]
    lookup: str = "pgh_obj_id"
    subject: str = ""


def changes(*, sources: Sequence[Source], pk: Any, most: int = MOST) -> list[Change]:
    """Return the newest changes of a row and of the rows below it.

    Args:
        sources: the event models to read.
        pk: the row's key.
        most: how many changes to return at the most.
    """
    events: list[tuple[Any, Source]] = [
        (event, source)
        for source in sources
        for event in source.events._default_manager.filter(**{source.lookup: pk})
        .select_related("pgh_context")
        .order_by("-pgh_id")[: most + 1]
    ]
    names = _user_names(event for event, _ in events)
    earlier = _predecessors(events)
    found = [
        _change(event, source, earlier.get((source.events, event.pgh_id)), names)
        for event, source in events
    ]
    return sorted(found, key=lambda change: change.at, reverse=True)[:most]


def _predecessors(events: Iterable[tuple[Any, Source]]) -> dict[tuple[type[Model], int], Any]:
    """Map each event to the one before it on the same row, as far as both were read."""
    newer: dict[tuple[type[Model], Any], Any] = {}
    found: dict[tuple[type[Model], int], Any] = {}
    for event, source in events:
        row = (source.events, event.pgh_obj_id)
        if row in newer:
            found[source.events, newer[row].pgh_id] = event
        newer[row] = event
    return found


def _user_names(events: Iterable[Any]) -> dict[int, str]:
    ids = {int(user) for event in events if (user := _metadata(event).get("user"))}
    users = get_user_model()._default_manager.filter(pk__in=ids)
    return {user.pk: user.get_username() for user in users}


def _metadata(event: Any) -> dict[str, Any]:
    return (event.pgh_context.metadata if event.pgh_context else None) or {}


def _change(event: Any, source: Source, before: Any, names: dict[int, str]) -> Change:
    metadata = _metadata(event)
    user = metadata.get("user")
    return Change(
        at=event.pgh_created_at,
        who=names.get(user, f"user {user}") if user else "the system",
        what={"insert": "created", "update": "changed", "delete": "deleted"}.get(
            event.pgh_label, event.pgh_label
        ),
        subject=source.subject,
        fields=_fields(event, before),
        reason=str(metadata.get("reason") or ""),
        request_id=str(metadata.get("request_id") or ""),
    )


def _fields(event: Any, before: Any) -> tuple[FieldChange, ...]:
    tracked = [
        field
        for field in event._meta.concrete_fields
        if not field.name.startswith("pgh_") and field.name != "id"
    ]
    return tuple(
        FieldChange(
            field=str(field.verbose_name),
            before=_text(before, field) if before is not None else "",
            after=_text(event, field),
        )
        for field in tracked
        if _differs(event, before, field)
    )


def _differs(event: Any, before: Any, field: Any) -> bool:
    """Tell whether to show a field: what changed, or, without a predecessor, what is filled."""
    value = getattr(event, field.attname)
    if before is None:
        return value not in (None, "", False, [], {})
    return bool(value != getattr(before, field.attname))


def _text(event: Any, field: Any) -> str:
    value = getattr(event, field.attname)
    if value is None:
        return ""
    return str(dict(field.flatchoices).get(value, value) if field.flatchoices else value)
