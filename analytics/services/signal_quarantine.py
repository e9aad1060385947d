"""Keep events that were acknowledged and cannot be stored, for people to decide."""

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


@transaction.atomic
def quarantine(envelope: Envelope, code: str, reason: str) -> bool:
    """Keep an event that cannot be stored, with the reason, where staff find it.

    Doing it again counts an attempt. Returns False when the event had been stored after all, or
    decided on; then nothing happens.

    Args:
        code: one word, like ``too_deep``; at most 40 characters are kept.
        reason: a sentence for people; at most 300 characters are kept.
    """
    ensure_partitions(signals=(), raw_events=(envelope.received_at,))
    key = UUID(bytes=envelope.id)
    values = _columns(envelope)
    raw, _ = RawEvent.objects.get_or_create(
        id=key,
        received_at=values["received_at"],
        defaults={**values, "outcome": RawEvent.Outcome.QUARANTINED},
    )
    if raw.outcome != RawEvent.Outcome.QUARANTINED:
        return False
    why = {"code": _storable(code, 40), "reason": _storable(reason, 300)}
    _, created = QuarantinedEvent.objects.get_or_create(id=key, defaults={**values, **why})
    if created:
        return True
    again = QuarantinedEvent.objects.open().filter(id=key)
    return bool(again.update(**why, attempts=F("attempts") + 1, last_attempt_at=Now()))


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
