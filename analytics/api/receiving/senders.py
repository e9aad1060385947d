"""Who sends, without asking the database on each request; a revoked token is refused in a second.

A token is believed for 0.9 s after the moment its row was read, and read again in the background
before that. While the database does not answer, nobody can revoke a token in it either: then what
was read last counts on for a while, and events are still received.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from analytics.services.signal_intake import IntakeError
from analytics.services.signal_senders import Sender, find_sender

BELIEVED_SECONDS = 0.9
ASKED_AFTER_SECONDS = 0.4
DATABASE_SECONDS = 2.0
"""A database that takes longer to answer counts as away."""

GRACE_SECONDS = 15 * 60.0
MOST_ENTRIES = 2_000

logger = structlog.get_logger(__name__)


class _Entry:
    """What was last read about one header's value."""

    __slots__ = ("asked_from", "good_until", "read_at", "sender")

    def __init__(self, sender: Sender | None, read_at: float) -> None:
        self.sender = sender
        self.read_at = read_at
        self.believe_from(read_at)

    def believe_from(self, moment: float) -> None:
        self.good_until = moment + BELIEVED_SECONDS
        self.asked_from = moment + ASKED_AFTER_SECONDS


class Senders:
    """The tokens that this process knows. Keys are digests: no secret stays in memory."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}
        self._asking: dict[bytes, asyncio.Task[_Entry]] = {}
        # One thread, one connection: a question takes a millisecond, twice a second per token.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="senders")

    async def get(self, authorization: bytes) -> Sender | None:
        """Return who sends; None when the token is wrong, expired or revoked.

        Raises:
            IntakeError: 503, the database is away and this token is not known here.
        """
        key = blake2b(authorization, digest_size=16).digest()
        now = time.monotonic()
        entry = self._entries.get(key)
        if entry is None or now >= entry.good_until:
            entry = await asyncio.shield(self._ask(key, authorization))
        elif now >= entry.asked_from:
            self._ask(key, authorization)
        return entry.sender

    def _ask(self, key: bytes, authorization: bytes) -> "asyncio.Task[_Entry]":
        """Return the one running question about a token; start it where there is none."""
        task = self._asking.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read(key, authorization))
            task.add_done_callback(lambda done: self._asked(key, done))
            self._asking[key] = task
        return task

    def _asked(self, key: bytes, task: "asyncio.Task[_Entry]") -> None:
        del self._asking[key]
        if not task.cancelled():
            # Seen here, also when nobody waits for it any more.
            task.exception()

    async def _read(self, key: bytes, authorization: bytes) -> _Entry:
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        text = authorization.decode("latin-1")
        try:
            question = loop.run_in_executor(self._thread, _find, text)
            entry = _Entry(await asyncio.wait_for(question, DATABASE_SECONDS), now)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            return self._stale(key, error)
        self._keep(key, entry)
        return entry

    def _stale(self, key: bytes, error: Exception) -> _Entry:
        entry = self._entries.get(key)
        now = time.monotonic()
        if entry is None or entry.sender is None or now - entry.read_at > GRACE_SECONDS:
            raise IntakeError(
                503, "unavailable", "Tokens cannot be checked at the moment.", retry_after=5
            ) from error
        logger.warning("tokens are not checked: the database is away")
        entry.believe_from(now)
        return entry

    def _keep(self, key: bytes, entry: _Entry) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = entry

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown()


def _find(authorization: str) -> Sender | None:
    close_old_connections()
    try:
        return find_sender(authorization)
    finally:
        close_old_connections()
