"""The signal queue's address, its keys and its errors: what reading and writing it share.

Stands outside the rooms, so that services and selectors can both use it.
"""

from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from crm_project.common.exceptions import CrmError

GROUP = "writers"
SECONDS_TO_CONNECT = 2.0
SECONDS_TO_ANSWER = 5.0


class QueueError(CrmError):
    """The queue cannot take or show signals."""

    retry_after = 5
    """Seconds after which asking again makes sense."""


class QueueFull(QueueError):  # noqa: N818 - a state of the queue, named as callers speak of it
    """The queue holds as much as it may; a worker must catch up first."""

    retry_after = 10


class QueueUnavailable(QueueError):  # noqa: N818
    """The queue does not answer."""

    retry_after = 2


class QueueNotDurable(QueueError):  # noqa: N818
    """The queue would acknowledge signals before they are on disk."""

    retry_after = 30


def key(name: str = "") -> str:
    """Return a key of the queue; without a name, the stream itself.

    ``accepted``, ``done``, ``bytes``: counters of events ever accepted and finished, and of the
    bytes that wait. ``minute:<minutes since 1970>``: what happened in that minute, kept two
    hours. ``consumer:<name>``: the sign of life of a worker, gone five seconds after its death.
    """
    prefix: str = settings.CRM_QUEUE_PREFIX
    return f"{prefix}:{name}" if name else prefix


def client() -> redis.Redis:
    """Return this process's client. Answers are bytes; nothing is retried for longer than once.

    A command may be sent twice when the connection breaks. That is harmless: signals carry their
    id from reception on, and the worker stores each id once.
    """
    return _client(settings.CRM_QUEUE_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return new_client(url, seconds=SECONDS_TO_ANSWER, again=1)


def new_client(url: str, *, seconds: float, again: int = 0) -> redis.Redis:
    """Return a client of its own with this much patience per command.

    ``again``: how often a command is repeated whose answer was lost. Never for one that takes
    entries: those of the lost answer would be held without anybody knowing.
    """
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": seconds,
        "socket_connect_timeout": SECONDS_TO_CONNECT,
        "retry": Retry(NoBackoff(), again),
    }
    made: redis.Redis = redis.Redis.from_url(url, **options)
    return made


def answers_soon() -> bool:
    """Tell whether the queue answers within a second, for who must not wait for it longer."""
    try:
        with new_client(settings.CRM_QUEUE_URL, seconds=1.0) as server:
            server.ping()
    except redis.RedisError:
        return False
    return True


def in_words(error: redis.RedisError) -> QueueError:
    """Return what an error of the server or of the way to it means to a caller."""
    text = str(error)
    if "FULL" in text.split(" ", 1)[0]:
        return QueueFull()
    if text.startswith("MISCONF"):
        return QueueNotDurable("The queue cannot write to its disk.")
    if isinstance(error, redis.OutOfMemoryError) or text.startswith("OOM"):
        return QueueFull("The queue's server has no memory left.")
    return QueueUnavailable()


_WANTED = {
    "appendonly": ("yes",),
    "appendfsync": ("always",),
    # With "yes" nothing is synced while the server rewrites its file.
    "no-appendfsync-on-rewrite": ("no",),
    "maxmemory-policy": ("noeviction",),
}


def durability() -> str:
    """Return "" when what the server acknowledges is on its disk, else what is wrong, in words.

    Raises ``QueueUnavailable`` when the server does not answer.
    """
    try:
        found = _configuration()
    except redis.RedisError as error:
        raise in_words(error) from error
    wrong = [
        f"{name} is {found[name]!r} and must be {' or '.join(allowed)!r}"
        for name, allowed in _WANTED.items()
        if name in found and found[name] not in allowed
    ]
    hidden = [name for name in _WANTED if name not in found]
    if hidden:
        wrong.append(f"{', '.join(hidden)} cannot be read; allow this user the command CONFIG GET")
    return "The queue's server is not safe for signals: " + "; ".join(wrong) + "." if wrong else ""


def _configuration() -> dict[str, str]:
    """Return what the server says about itself; less where CONFIG is forbidden."""
    try:
        return dict(_text(client().config_get(*_WANTED)))
    except redis.ResponseError:
        found = _text(client().info("everything"))
        known = {}
        if "aof_enabled" in found:
            known["appendonly"] = "yes" if found["aof_enabled"] == "1" else "no"
        if "maxmemory_policy" in found:
            known["maxmemory-policy"] = found["maxmemory_policy"]
        return known


def _text(values: dict[Any, Any]) -> dict[str, str]:
    def plain(value: Any) -> str:
        return value.decode() if isinstance(value, bytes) else str(value)

    return {plain(name): plain(value) for name, value in values.items()}
