"""Keep events that were acknowledged and cannot be stored, for people to decide."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from analytics.ingest.envelope import Envelope
from analytics.models import QuarantinedEvent, RawEvent
from analytics.services.signal_partitions import ensure_partitions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def quarantine(envelope: Envelope, code: str, reason: str) -> bool:
    """Keep an event that cannot be stored, with the reason, where staff find it.

    Doing it again counts an attempt. Returns False when the event had been stored after all, or
    decided on; then nothing happens.

    Args:
        code: one word, like ``too_deep``; at most 40 characters are kept.
        reason: a sentence for people; at most 300 characters are kept.
    """
    return quarantine_many([(envelope, code, reason)]) == 1


@transaction.atomic
def quarantine_many(items: Sequence[tuple[Envelope, str, str]]) -> int:
    """Keep several events with code and reason, as ``quarantine`` does. Returns how many it kept.

    In a few statements: a sender of nothing but rubbish must not slow the others down.
    """
    if not items:
        return 0
    ensure_partitions(signals=(), raw_events={envelope.received_at for envelope, _, _ in items})
    # By their ids, and in their order: so do all who write raw events.
    rows = {
        UUID(bytes=envelope.id): (
            _columns(envelope),
            {"code": _storable(code, 40), "reason": _storable(reason, 300)},
        )
        for envelope, code, reason in sorted(items, key=lambda item: item[0].id)
    }
    state = RawEvent.Outcome.QUARANTINED
    raw = [RawEvent(id=key, outcome=state, **values) for key, (values, _) in rows.items()]
    RawEvent.objects.bulk_create(raw, ignore_conflicts=True)
    times = [event.received_at for event in raw]
    ours = RawEvent.objects.filter(
        id__in=rows, received_at__range=(min(times), max(times)), outcome=state
    )
    kept = set(ours.values_list("id", flat=True))
    known = set(QuarantinedEvent.objects.filter(id__in=kept).values_list("id", flat=True))
    new = [
        QuarantinedEvent(id=key, **values, **why)
        for key, (values, why) in rows.items()
        if key in kept - known
    ]
    QuarantinedEvent.objects.bulk_create(new, ignore_conflicts=True)
    return len(new) + sum(_again(key, rows[key][1]) for key in sorted(known))


def _again(key: UUID, why: dict[str, str]) -> int:
    """Count one more attempt, unless somebody has decided."""
    open_one = QuarantinedEvent.objects.open().filter(id=key)
    return open_one.update(**why, attempts=F("attempts") + 1, last_attempt_at=Now())


def _columns(envelope: Envelope) -> dict[str, Any]:
    return {
        "received_at": _EPOCH + timedelta(microseconds=envelope.received_at),
        "source": _storable(envelope.source, 200),
        "token": _storable(envelope.token, 12),
        "message_id": _storable(_message_id(envelope.body), 100),
        "shape": _storable(envelope.shape, 10),
        "hint": _storable(envelope.hint, 10),
        "sent_at": _storable(envelope.sent_at, 40),
        "may_identify": envelope.may_identify,
        "body": envelope.body,
    }


def _message_id(body: bytes) -> str:
    """Return what seems to be the sender's id of an event that nobody could read."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(fields, dict):
        return ""
    found = next((fields[name] for name in ("message_id", "messageId", "id") if name in fields), "")
    return str(found) if isinstance(found, str | int) else ""


def _storable(text: str, longest: int) -> str:
    """Return as much of a text as its column takes."""
    plain = text.encode(errors="replace").decode()
    return plain.replace("\0", "\N{REPLACEMENT CHARACTER}")[:longest]
