"""Put signals into the queue: after ``append`` returns, they are on the queue's disk.

The queue is one stream of Valkey or Redis. One entry is one chunk (``analytics.ingest.chunk``):
what concurrent requests brought, or a batch. Nothing is ever trimmed; a full queue refuses.
"""

import time
from typing import Any

import redis
from django.conf import settings

from analytics import signal_scripts
from analytics.signal_scripts import Script
from analytics.signal_stream import (
    GROUP,
    QueueError,
    QueueFull,
    QueueNotDurable,
    QueueUnavailable,
    client,
    durability,
    in_words,
    key,
)

__all__ = [
    "QueueError",
    "QueueFull",
    "QueueNotDurable",
    "QueueUnavailable",
    "append",
    "append_arguments",
    "append_script",
    "client",
    "durability",
    "ensure_durable",
    "ensure_group",
    "in_words",
]

DURABILITY_SECONDS = 5.0
"""How long a look at the server's configuration is believed."""


def append(chunk: bytes, n: int) -> str:
    """Put one chunk of ``n`` events into the queue and return the entry's id.

    When it returns, the chunk is on the server's disk. Raises ``QueueFull``,
    ``QueueUnavailable``, or ``QueueNotDurable`` when the server would acknowledge too early;
    after ``QueueUnavailable`` the chunk may or may not be there: sending it again is safe.
    """
    ensure_durable()
    keys, args = append_arguments(chunk, n)
    try:
        entry: bytes = append_script().run(client(), keys, args, when_forgotten=_look_again)
    except redis.RedisError as error:
        raise in_words(error) from error
    return entry.decode()


def append_script() -> Script:
    """Return the script behind ``append``, for callers with a connection of their own.

    Send ``EVALSHA script.sha len(keys) *keys *args``; after ``NOSCRIPT`` (the server was
    restarted) the same with ``EVAL script.source``. Its error ``FULL`` means ``QueueFull``;
    ``in_words`` translates every error.
    """
    return signal_scripts.APPEND


def append_arguments(chunk: bytes, n: int) -> tuple[list[str], list[Any]]:
    """Return keys and arguments of the append script, with the limits of the settings."""
    keys = [key(), key("accepted"), key("done"), key("bytes"), minute_key()]
    return keys, [chunk, n, settings.CRM_QUEUE_MAX_EVENTS, settings.CRM_QUEUE_MAX_BYTES]


def minute_key(at: float | None = None) -> str:
    """Return the key of the counts of a minute (seconds since 1970; default: now)."""
    return key(f"minute:{int((time.time() if at is None else at) // 60)}")


def ensure_group() -> bool:
    """Make the consumer group where there is none, from the very first entry on.

    A server that lost its data, or somebody who removed the group, must not make waiting
    entries invisible. Returns whether it was missing. Raises ``QueueUnavailable``.
    """
    try:
        client().xgroup_create(key(), GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" in str(error):
            return False
        raise in_words(error) from error
    except redis.RedisError as error:
        raise in_words(error) from error
    return True


class _Durability:
    """The last look at the server, so that not every append asks."""

    def __init__(self) -> None:
        self.url = ""
        self.until = 0.0
        self.wrong = ""

    def look(self) -> str:
        now = time.monotonic()
        if now >= self.until or self.url != settings.CRM_QUEUE_URL:
            self.wrong = durability()
            # Only what is good is believed for a while.
            self.until = 0.0 if self.wrong else now + DURABILITY_SECONDS
            self.url = settings.CRM_QUEUE_URL
        return self.wrong


_durability = _Durability()


def ensure_durable() -> None:
    """Raise ``QueueNotDurable`` with the reason unless acknowledged signals are on disk.

    Asks the server at most every few seconds. Raises ``QueueUnavailable``.
    """
    if wrong := _durability.look():
        raise QueueNotDurable(wrong)


def _look_again() -> None:
    _durability.until = 0.0
    ensure_durable()
