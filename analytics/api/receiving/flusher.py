"""Bring what concurrent requests hold to the queue together: one round trip, one sync to disk.

``put`` returns only after the queue's server answered that the events are on its disk.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis.asyncio
import redis.exceptions
from django.conf import settings
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from analytics import signal_stream
from analytics.ingest import chunk, limits
from analytics.ingest.envelope import Envelope
from analytics.services import signal_queue

PIPES = 2
"""Chunks on their way at once: while one is synced to disk, the next is gathered and sent."""

GATHER_SECONDS = 0.004
"""While many send, each chunk waits so long for company: a round trip costs as much as checking
twenty events. A lone request waits for nobody."""

FEW = 3
"""Requests in a chunk that are no crowd."""

CHUNK_BYTES = 1024 * 1024
"""What one chunk holds, more or less: a worker reads many of them at once into its memory."""

MOST_BYTES = 64 * 1024 * 1024
"""What this process holds at most while the queue is slow."""

MOST_SECONDS = 8.0
"""How long events wait here for their turn before their sender is asked to come again."""

_DURABILITY_SECONDS = 5.0


class _Waiting:
    """The events of one request, until they are on disk."""

    __slots__ = ("done", "envelopes", "since", "size")

    def __init__(self, envelopes: Sequence[Envelope], done: "asyncio.Future[None]") -> None:
        self.envelopes = envelopes
        self.done = done
        self.since = time.monotonic()
        self.size = sum(len(envelope.body) for envelope in envelopes)


class Flusher:
    """The way to the queue of one process (of one event loop)."""

    def __init__(self) -> None:
        self.client = _client()
        self._waiting: list[_Waiting] = []
        self._size = 0
        self._pipes = 0
        self._crowd = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._durable_until = 0.0

    async def put(self, envelopes: Sequence[Envelope]) -> None:
        """Return when all are on the queue's disk.

        Raises:
            QueueFull, QueueUnavailable, QueueNotDurable: nothing was promised; the sender may
                come again with the same events, each is stored once.
        """
        if self._size > MOST_BYTES:
            raise signal_stream.QueueUnavailable
        loop = asyncio.get_running_loop()
        waiting = _Waiting(envelopes, loop.create_future())
        self._waiting.append(waiting)
        self._size += waiting.size
        if self._pipes < PIPES:
            self._pipes += 1
            task = loop.create_task(self._empty())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await waiting.done

    async def _empty(self) -> None:
        """Send chunk after chunk until nobody waits."""
        try:
            while self._waiting:
                # Zero: whoever is ready in this round of the loop comes along.
                await asyncio.sleep(GATHER_SECONDS if self._crowd else 0)
                if taken := self._take():
                    self._crowd = len(taken) > FEW
                    await self._send(taken)
        finally:
            self._pipes -= 1

    def _take(self) -> list[_Waiting]:
        """Return as many requests as fit into one chunk, in the order in which they came."""
        count, events, size = 0, 0, 0
        for waiting in self._waiting:
            events += len(waiting.envelopes)
            size += waiting.size
            if count and (events > limits.BATCH_EVENTS or size > CHUNK_BYTES):
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        self._size -= sum(waiting.size for waiting in taken)
        return taken

    async def _send(self, taken: list[_Waiting]) -> None:
        error: Exception | None = None
        try:
            taken = _in_time(taken)
            if taken:
                await self._append([one for waiting in taken for one in waiting.envelopes])
        except Exception as problem:
            error = problem
        for waiting in taken:
            if waiting.done.done():
                continue
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)

    async def _append(self, envelopes: list[Envelope]) -> None:
        await self._check_durability()
        keys, args = signal_queue.append_arguments(chunk.encode(envelopes), len(envelopes))
        script = signal_queue.append_script()
        try:
            await self._run(script.sha, script.source, keys, args)
        except (RedisError, OSError) as error:
            # Another server may answer next: it must prove itself first.
            self._durable_until = 0.0
            raise _in_words(error) from error

    async def _run(self, sha: str, source: str, keys: list[str], args: list[Any]) -> None:
        execute: Any = self.client.execute_command
        try:
            await execute("EVALSHA", sha, len(keys), *keys, *args)
        except NoScriptError:
            # A server without our scripts was started since the last look: it may be set up worse.
            self._durable_until = 0.0
            await self._check_durability()
            await execute("EVAL", source, len(keys), *keys, *args)

    async def _check_durability(self) -> None:
        now = time.monotonic()
        if now < self._durable_until:
            return
        wrong = await asyncio.to_thread(signal_queue.durability)
        if wrong:
            raise signal_stream.QueueNotDurable(wrong)
        self._durable_until = now + _DURABILITY_SECONDS

    async def close(self) -> None:
        await self.client.aclose()


def _in_time(taken: list[_Waiting]) -> list[_Waiting]:
    """Return those who have not waited too long; the others are told to come again."""
    latest = time.monotonic() - MOST_SECONDS
    in_time = []
    for waiting in taken:
        if waiting.since >= latest:
            in_time.append(waiting)
        elif not waiting.done.done():
            waiting.done.set_exception(signal_stream.QueueUnavailable())
    return in_time


def _in_words(error: Exception) -> signal_stream.QueueError:
    if isinstance(error, RedisError):
        return signal_stream.in_words(error)
    return signal_stream.QueueUnavailable()


def _client() -> "redis.asyncio.Redis":
    pool = redis.asyncio.ConnectionPool.from_url(
        settings.CRM_QUEUE_URL,
        protocol=2,
        socket_timeout=signal_stream.SECONDS_TO_ANSWER,
        socket_connect_timeout=signal_stream.SECONDS_TO_CONNECT,
        # Once more on a fresh connection: each event carries its id, so twice is stored once. A
        # server that hangs is not asked twice: the senders have waited long enough.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,)),
    )
    if issubclass(pool.connection_class, SSLConnection):
        pool.connection_class = _TlsConnection
    return redis.asyncio.Redis.from_pool(pool)


class _TlsConnection(SSLConnection):
    """Reads certificates for every connection, as the client for threads does.

    The library keeps what it has read: after a change of authority it would refuse the server
    until the process ends.
    """

    def _connection_arguments(self) -> Mapping[str, Any]:
        self.ssl_context.context = None
        arguments: Mapping[str, Any] = super()._connection_arguments()
        return arguments
