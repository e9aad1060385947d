"""One consumer of the queue's group: take entries, hold them, finish them, take over the dead's.

An entry belongs to the consumer that took it until it is finished. A consumer gives a sign of
life every second; five seconds after the last one its entries go to whoever asks first.
"""

import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings

from analytics import signal_scripts
from analytics.services.signal_queue import ensure_group, minute_key
from analytics.signal_stream import GROUP, SECONDS_TO_ANSWER, key, new_client

LIFE_MILLISECONDS = 5_000
IDLE_MILLISECONDS = 120_000
"""An entry that its living consumer did not touch for so long goes to somebody else: storing it
twice at once is harmless, leaving it is not."""

MOST_ENTRIES = 256
"""Entries taken by one command."""

MOST_BYTES = 16 * 1024 * 1024
"""Bytes held by one consumer, beyond which it takes no further entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the stream: its id, how many events it says it has, and their bytes."""

    id: str
    events: int
    chunk: bytes


@dataclass(slots=True)
class Counts:
    """What became of events, for the counts of the minute."""

    stored: int = 0
    duplicate: int = 0
    redelivered: int = 0
    quarantined: int = 0

    def add(self, other: "Counts") -> None:
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.redelivered += other.redelivered
        self.quarantined += other.quarantined

    @property
    def events(self) -> int:
        return self.stored + self.duplicate + self.redelivered + self.quarantined


class Consumer:
    """A named member of the group. Not shared between threads; ``sign`` may come from another.

    Every method raises ``redis.RedisError`` when the server is away.
    """

    def __init__(self, name: str, *, wait_seconds: float = 1.0) -> None:
        self.name = name
        self._wait = wait_seconds
        patience = SECONDS_TO_ANSWER + wait_seconds
        self._server = new_client(settings.CRM_QUEUE_URL, seconds=patience)
        self._events_per_entry = 1_000.0

    def join(self) -> None:
        """Make sure that the group exists, also after the server lost its data."""
        ensure_group()

    def sign(self, state: str) -> None:
        """Give a sign of life, with what this consumer is doing in a word."""
        told = {"host": socket.gethostname(), "pid": os.getpid(), "at": time.time()}
        self._server.set(
            key(f"consumer:{self.name}"),
            json.dumps({**told, "state": state}),
            px=LIFE_MILLISECONDS,
        )

    def take(self, events: int) -> list[Entry]:
        """Take entries nobody has taken, about so many events; waits a moment for the first.

        Returns them oldest first; none when nothing came in that moment.
        """
        taken: list[Entry] = []
        have = size = 0
        while have < events and size < MOST_BYTES:
            count = max(1, min(MOST_ENTRIES, round((events - have) / self._events_per_entry)))
            found = self._read(">", count, wait=not taken)
            have += sum(entry.events for entry in found)
            size += sum(len(entry.chunk) for entry in found)
            taken += found
            if len(found) < count:
                break
            self._events_per_entry = max(have / len(taken), 1.0)
        return taken

    def held(self) -> list[Entry]:
        """Return what this consumer took and has not finished, some of it if there is much."""
        found: list[Entry] = []
        after, size = "0", 0
        while size < MOST_BYTES:
            page = self._read(after, 16, wait=False)
            if not page:
                break
            after = page[-1].id
            size += sum(len(entry.chunk) for entry in page)
            found += page
        gone = [entry.id for entry in found if not entry.chunk]
        if gone:  # removed from the stream by hand
            self._server.xack(key(), GROUP, *gone)
        return [entry for entry in found if entry.chunk]

    def _read(self, after: str, count: int, *, wait: bool) -> list[Entry]:
        block = max(int(self._wait * 1000), 1) if wait else None
        try:
            answer = self._ask_for(after, count, block)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            ensure_group()
            answer = self._ask_for(after, count, block)
        if not answer:
            return []
        return [_entry(id, fields) for id, fields in answer[0][1]]

    def _ask_for(self, after: str, count: int, block: int | None) -> Any:
        return self._server.xreadgroup(GROUP, self.name, {key(): after}, count=count, block=block)

    def take_over(self) -> int:
        """Take over what dead consumers held, and what a living one left lying; return how many.

        They are among ``held`` afterwards.
        """
        try:
            rows: Any = self._server.xinfo_consumers(key(), GROUP)
        except redis.ResponseError:
            self.join()
            return 0
        names = [row["name"].decode() for row in rows]
        others = [name for name in names if name != self.name]
        taken = sum(self._take_over_from(name) for name in self._without_sign(others))
        answer: Any = self._server.xautoclaim(
            key(), GROUP, self.name, IDLE_MILLISECONDS, count=MOST_ENTRIES, justid=True
        )
        return taken + len(answer)

    def _without_sign(self, names: list[str]) -> list[str]:
        if not names:
            return []
        signs: Any = self._server.mget([key(f"consumer:{name}") for name in names])
        return [name for name, sign in zip(names, signs, strict=True) if sign is None]

    def _take_over_from(self, name: str) -> int:
        """Repeat until nothing is left, which also removes the dead consumer."""
        taken = 0
        keys = [key(), key(f"consumer:{name}")]
        arguments = [GROUP, name, self.name, MOST_ENTRIES]
        while (now := signal_scripts.CLAIM.run(self._server, keys, arguments)) > 0:
            taken += now
        return taken

    def finish(self, entries: Sequence[Entry], counts: Counts) -> None:
        """Acknowledge and remove entries whose events are all in the database."""
        keys = [key(), key("done"), key("bytes"), minute_key(), key("accepted")]
        # What was stored before and never acknowledged has not been counted yet.
        stored = counts.stored + counts.redelivered
        arguments: list[Any] = [GROUP, stored, counts.duplicate, counts.quarantined]
        for entry in entries:
            arguments += [entry.id, entry.events, len(entry.chunk)]
        signal_scripts.FINISH.run(self._server, keys, arguments)

    def leave(self) -> None:
        """Say goodbye: what is still held goes to the others at once."""
        own = [key(), key(f"consumer:{self.name}")]
        signal_scripts.LEAVE.run(self._server, own, [GROUP, self.name])
        self.close()

    def close(self) -> None:
        self._server.close()


def _entry(id: bytes, fields: dict[bytes, bytes]) -> Entry:
    return Entry(id.decode(), int(fields.get(b"n", 0)), fields.get(b"c", b""))
