"""What waits in the signal queue, how fast it moves, and where one event is."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, transaction

from analytics import signal_scripts
from analytics.models import QuarantinedEvent
from analytics.selectors.signal_receipts import Receipt, Where, receipt
from analytics.signal_stream import GROUP, QueueError, client, durability, key

__all__ = ["Consumer", "MinuteCounts", "QueueStats", "Receipt", "Where", "queue_stats", "receipt"]

HISTORY_MINUTES = 60


@dataclass(frozen=True, slots=True)
class MinuteCounts:
    """What happened in one minute. ``depth``: events that waited at its end, None if unknown."""

    minute: datetime
    accepted: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Consumer:
    """A worker of the queue.

    ``pending``: entries it holds. ``idle``: seconds since it last took one. ``seen``: its last
    sign of life, None for a dead one whose entries have not been taken over yet.
    """

    name: str
    host: str
    pid: int | None
    pending: int
    idle: float
    seen: datetime | None
    state: str = ""

    @property
    def alive(self) -> bool:
        return self.seen is not None


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The state of the queue at one moment; all zero and not ``available`` when it is away.

    ``depth`` counts events that were accepted and are not finished, ``entries`` the chunks they
    lie in, ``pending`` the chunks that workers hold.
    """

    available: bool
    durable: bool
    not_durable_reason: str
    depth: int
    entries: int
    pending: int
    bytes: int
    max_events: int
    max_bytes: int
    oldest_waiting_seconds: float
    accepted_total: int
    done_total: int
    accepted_per_second: float
    stored_per_second: float
    quarantined: int | None
    consumers: list[Consumer]
    history: list[MinuteCounts]
    as_of: datetime


def queue_stats() -> QueueStats:
    """Return the state of the queue now. Never fails because the queue is away."""
    now = datetime.now(tz=UTC)
    try:
        found = _ask(int(now.timestamp() // 60))
        wrong = durability()
    except (redis.RedisError, QueueError):
        return _away(now)
    history = _history(found.minutes, now)
    entries = found.entries
    return QueueStats(
        available=True,
        durable=not wrong,
        not_durable_reason=wrong,
        # Without a single entry nothing waits, whatever the counters say.
        depth=max(found.accepted - found.done, 0) if entries else 0,
        entries=entries,
        pending=found.pending,
        bytes=max(found.size, 0) if entries else 0,
        max_events=settings.CRM_QUEUE_MAX_EVENTS,
        max_bytes=settings.CRM_QUEUE_MAX_BYTES,
        oldest_waiting_seconds=found.oldest_seconds,
        accepted_total=found.accepted,
        done_total=found.done,
        accepted_per_second=_last_minute([row.accepted for row in history], now),
        stored_per_second=_last_minute([row.stored for row in history], now),
        quarantined=open_quarantined(),
        consumers=found.consumers,
        history=history,
        as_of=now,
    )


def open_quarantined() -> int | None:
    """Return how many events wait in quarantine for a decision; None while unknown."""
    try:
        # A savepoint: a failing query must not spoil a surrounding transaction.
        with transaction.atomic():
            return QuarantinedEvent.objects.open().count()
    except DatabaseError:
        return None


@dataclass(frozen=True, slots=True)
class _Found:
    entries: int
    accepted: int
    done: int
    size: int
    pending: int
    oldest_seconds: float
    minutes: list[dict[bytes, bytes]]
    consumers: list[Consumer]


def _ask(minute: int) -> _Found:
    server = client()
    first, seconds, micros = signal_scripts.OLDEST.run(server, [key()], [])
    with server.pipeline(transaction=False) as asked:
        asked.xlen(key())
        asked.mget(key("accepted"), key("done"), key("bytes"))
        for past in range(HISTORY_MINUTES):
            asked.hgetall(key(f"minute:{minute - HISTORY_MINUTES + 1 + past}"))
        answers = asked.execute()
    accepted, done, size = (int(value or 0) for value in answers[1])
    consumers = _consumers(server)
    now = int(seconds) + int(micros) / 1e6
    return _Found(
        entries=answers[0],
        accepted=accepted,
        done=done,
        size=size,
        pending=sum(consumer.pending for consumer in consumers),
        oldest_seconds=max(now - int(first.split(b"-")[0]) / 1000, 0.0) if first else 0.0,
        minutes=answers[2:],
        consumers=consumers,
    )


def _consumers(server: redis.Redis) -> list[Consumer]:
    try:
        rows: list[dict[str, Any]] = server.xinfo_consumers(key(), GROUP)
    except redis.ResponseError:
        return []  # no stream or no group yet: nobody has read
    names = [row["name"].decode() for row in rows]
    signs: list[Any] = server.mget([key(f"consumer:{name}") for name in names]) if names else []
    return [_consumer(row, sign) for row, sign in zip(rows, signs, strict=True)]


def _consumer(row: dict[str, Any], sign: bytes | None) -> Consumer:
    said: dict[str, Any] = json.loads(sign) if sign else {}
    return Consumer(
        name=row["name"].decode(),
        host=said.get("host", ""),
        pid=said.get("pid"),
        pending=row["pending"],
        idle=row["idle"] / 1000,
        seen=datetime.fromtimestamp(said["at"], tz=UTC) if said else None,
        state=said.get("state", ""),
    )


def _history(minutes: list[dict[bytes, bytes]], now: datetime) -> list[MinuteCounts]:
    last = int(now.timestamp() // 60)
    rows = []
    for number, found in enumerate(minutes, start=last - len(minutes) + 1):
        counts = {name.decode(): int(value) for name, value in found.items()}
        rows.append(MinuteCounts(minute=datetime.fromtimestamp(number * 60, tz=UTC), **counts))
    return rows


def _last_minute(counts: list[int], now: datetime) -> float:
    """Return events per second over the last 60 seconds, from whole minutes.

    The minute before counts with the share of it that lies within the 60 seconds.
    """
    passed = now.timestamp() % 60
    return (counts[-1] + counts[-2] * (60 - passed) / 60) / 60


def _away(now: datetime) -> QueueStats:
    return QueueStats(
        available=False,
        durable=False,
        not_durable_reason="The queue does not answer.",
        depth=0,
        entries=0,
        pending=0,
        bytes=0,
        max_events=settings.CRM_QUEUE_MAX_EVENTS,
        max_bytes=settings.CRM_QUEUE_MAX_BYTES,
        oldest_waiting_seconds=0.0,
        accepted_total=0,
        done_total=0,
        accepted_per_second=0.0,
        stored_per_second=0.0,
        quarantined=open_quarantined(),
        consumers=[],
        history=[],
        as_of=now,
    )
