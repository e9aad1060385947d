"""Where one event is: waiting, stored, known already, or in quarantine.

Its id says when it was received (UUIDv7), so one partition of the raw log and a few seconds of
the queue are all that has to be looked at.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import redis

from analytics import signal_scripts
from analytics.ingest import chunk, events, identity
from analytics.ingest.envelope import Envelope
from analytics.models import QuarantinedEvent, RawEvent, Signal, SignalReceipt
from analytics.signal_stream import QueueUnavailable, client, in_words, key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Where(StrEnum):
    """States of an event; all but ``queued`` are final, save that quarantine can be replayed."""

    QUEUED = "queued"
    STORED = "stored"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    DISCARDED = "discarded"


_UNSTORED = {Where.QUARANTINED, Where.DISCARDED}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of one event.

    ``token`` is the prefix of the token it came with ("" for commands): who may see it.
    ``reason`` says in words why an event is in quarantine or was discarded.
    """

    id: UUID
    status: Where
    received_at: datetime
    token: str
    stored_at: datetime | None = None
    duplicate_of: UUID | None = None
    signal_id: UUID | None = None
    reason: str = ""


SKEW_SECONDS = 5
"""The web server's clock gives the id, the queue's clock the entry: they may differ by this."""

LATEST_SECONDS = 30
"""How long after its reception an event may reach the queue at most."""

LOG_IS_KEPT = timedelta(days=27)
"""Younger events are always in the raw log, if they were processed."""

ENTRIES_PER_LOOK = 16
"""One look blocks the queue's server for a few milliseconds at most."""

SECONDS_TO_LOOK = 3.0


def receipt(id: UUID) -> Receipt | None:
    """Return where the event is; None for an id that was never acknowledged.

    Raises ``QueueUnavailable`` when the database does not know it and the queue cannot be
    looked through: then nothing can be said, least of all "never seen".
    """
    received = _received_at(id)
    if received is None:
        return None
    # Twice: between the first look and the one into the queue a worker may have stored it.
    return _in_database(id, received) or _in_queue(id, received) or _in_database(id, received)


def _received_at(id: UUID) -> datetime | None:
    """Return the millisecond in which a UUIDv7 was made; None for other ids.

    >>> _received_at(UUID("018bcfe5-687b-7fff-8fff-ffffffffffff"))
    datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=datetime.timezone.utc)
    """
    if id.version != 7:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=id.int >> 80)
    except OverflowError:
        return None


def _in_database(id: UUID, received: datetime) -> Receipt | None:
    # Both bounds, so that one month of the log is looked into, by its key.
    at = {"received_at__gte": received, "received_at__lt": received + timedelta(milliseconds=1)}
    raw = RawEvent.objects.filter(id=id, **at).first()
    if raw is None:
        return _without_its_log(id, received)
    status, told = Where(raw.outcome), dict[str, Any]()
    if status is Where.QUARANTINED:
        event = QuarantinedEvent.objects.filter(id=id).first()
        if event is not None:
            status = Where(event.resolution or Where.QUARANTINED)
            told["reason"] = event.reason if status in _UNSTORED else ""
    if status is Where.DUPLICATE:
        told["duplicate_of"] = _first_of(raw)
    if status is Where.STORED:
        stored = Signal.objects.filter(id=id).values_list("created_at", flat=True).first()
        told |= {"signal_id": id, "stored_at": stored}
    return Receipt(id=id, status=status, received_at=raw.received_at, token=raw.token, **told)


def _without_its_log(id: UUID, received: datetime) -> Receipt | None:
    """The raw log may be kept for fewer months than signals; who sent it is not known then."""
    if datetime.now(tz=UTC) - received < LOG_IS_KEPT:
        return None
    stored = Signal.objects.filter(id=id).values_list("created_at", flat=True).first()
    if stored is None:
        return None
    return Receipt(
        id=id, status=Where.STORED, received_at=received, token="", signal_id=id, stored_at=stored
    )


def _first_of(raw: RawEvent) -> UUID | None:
    """Return the event that came first with the same message id; None when it cannot be told."""
    try:
        event = events.parse(envelope_of(raw))
    except events.Refused:
        return None  # received under older, laxer rules
    key = identity.digest(event.source, event.message_id)
    return SignalReceipt.objects.filter(digest=key).values_list("event_id", flat=True).first()


def envelope_of(row: RawEvent | QuarantinedEvent) -> Envelope:
    """Return the event as it was received, from the log of it."""
    return Envelope(
        id=row.id.bytes,
        received_at=_micros(row.received_at),
        source=row.source,
        token=row.token,
        shape=row.shape,
        hint=row.hint,
        sent_at=row.sent_at,
        body=bytes(row.body),
        may_identify=row.may_identify,
    )


def _micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly.

    >>> _micros(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _in_queue(id: UUID, received: datetime) -> Receipt | None:
    """Look through the entries that may hold it, a few at a time."""
    first = int(received.timestamp() * 1000) - SKEW_SECONDS * 1000
    last = first + (2 * SKEW_SECONDS + LATEST_SECONDS) * 1000
    start, end = str(max(first, 0)), str(last)
    until = time.monotonic() + SECONDS_TO_LOOK
    try:
        while time.monotonic() < until:
            held, seen = signal_scripts.SEEK.run(
                client(), [key()], [start, end, ENTRIES_PER_LOOK, id.bytes]
            )
            if held:
                return _queued(id, held)
            if not seen:
                return None
            start = "(" + seen.decode()
    except redis.RedisError as error:
        raise in_words(error) from error
    raise QueueUnavailable("The queue is too long to be looked through; ask again later.")


def _queued(id: UUID, held: bytes) -> Receipt | None:
    for envelope in chunk.decode(held):
        if envelope.id == id.bytes:
            at = _EPOCH + timedelta(microseconds=envelope.received_at)
            return Receipt(id=id, status=Where.QUEUED, received_at=at, token=envelope.token)
    return None
