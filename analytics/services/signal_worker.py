"""Take signals out of the queue and store them, for as long as the process lives.

An entry is acknowledged only after the commit of all its events. Whatever dies in between, this
process, the queue or the database, the entry is there again afterwards, and storing it a second
time changes nothing.
"""

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import psycopg
import redis
import structlog
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import connection

from analytics.ingest import chunk
from analytics.ingest.envelope import Envelope
from analytics.services.signal_consumer import Consumer, Counts, Entry
from analytics.services.signal_split import Split, put_away, what
from analytics.signal_stream import QueueError
from crm_project.log_words import words_of

logger = structlog.get_logger(__name__)

SIGN_SECONDS = 1.0
LOOK_SECONDS = 2.0
"""How often it looks for entries of dead consumers."""

STUCK_SECONDS = 300.0
"""A worker whose loop stands still for so long stops giving signs of life."""

PACE_SECONDS = 0.1
"""A batch that is far from full is followed by the next one so much later: a transaction costs the
same for one event as for a hundred, and the processor is shared with those who receive."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
UNREADABLE = "unreadable"

TRANSIENT = (
    redis.RedisError,
    QueueError,
    DjangoDatabaseError,
    psycopg.Error,
    MemoryError,
    OSError,
)
"""Of the machine, not of an event: tried again. (What an event causes never comes this far.)"""


def new_name() -> str:
    """Return a consumer's name that no other process has or had."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(slots=True)
class Worker:
    """One consumer with its own connections; run it in a thread of its own or as the process.

    Args:
        name: of the consumer, unique.
        batch_events: about so many events per transaction.
        alive_file: touched as long as the loop moves, for probes.
    """

    name: str = field(default_factory=new_name)
    batch_events: int = field(default_factory=lambda: settings.CRM_SIGNAL_BATCH)
    alive_file: Path | None = None
    wait_seconds: float = 1.0
    done: Counts = field(default_factory=Counts)
    state: str = "starting"
    _stop: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _moved_at: float = field(default_factory=time.monotonic)
    _looked_at: float = float("-inf")
    _holds: bool = True
    _split: Split = field(default_factory=Split)
    _consumer: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self._consumer = Consumer(self.name, wait_seconds=self.wait_seconds)

    def stop(self) -> None:
        """Ask it to end after the batch in hand. Can be called from anywhere."""
        self._stop.set()

    def run(self, *, until: Callable[[int], bool] = lambda entries: False) -> Counts:
        """Work until ``stop`` is called, or until ``until`` holds after a step.

        It is given the number of entries of that step. Waits out whatever is away, for as long
        as it takes. Raises ``SystematicFailureError`` when the database refuses one event after
        the other.
        """
        signs = threading.Thread(target=self._keep_signing, name=f"{self.name}-signs", daemon=True)
        signs.start()
        try:
            self._loop(until)
        finally:
            self._ended.set()
            signs.join()
            self._say_goodbye()
        return self.done

    def _loop(self, until: Callable[[int], bool]) -> None:
        pause = SHORTEST_PAUSE
        while not self._stop.is_set():
            began = self._moved_at = time.monotonic()
            before = self.done.events
            try:
                entries = self.step()
                if until(entries):
                    return
            except TRANSIENT as error:
                pause = self._wait_out(error, pause)
                continue
            pause = SHORTEST_PAUSE
            if entries and self.done.events - before < self.batch_events // 4:
                self._stop.wait(began + PACE_SECONDS - time.monotonic())

    def step(self) -> int:
        """Store what is there, one batch of it; return how many entries that were."""
        if self.state != "working":
            # Before it takes anything: who holds entries and shows no sign of life is robbed.
            self.state = "working"
            self._consumer.sign(self.state)
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._holds = bool(self._consumer.take_over()) or self._holds
            self._looked_at = time.monotonic()
        held = self._consumer.held() if self._holds else []
        entries = held or self._consumer.take(self.batch_events)
        for part in _parts(entries, self.batch_events):
            # Until it is finished, an error makes the next step begin with what is held.
            self._holds = True
            counts = self._process(part)
            self._consumer.finish(part, counts)
            self.done.add(counts)
            self._moved_at = time.monotonic()
        # Perhaps it holds more than could be looked at.
        self._holds = bool(held)
        return len(entries)

    def _process(self, entries: list[Entry]) -> Counts:
        envelopes: list[Envelope] = []
        counts = Counts()
        for entry in entries:
            try:
                envelopes += chunk.decode(entry.chunk)
            except chunk.DamagedChunkError as error:
                logger.error("queue_entry_unreadable", entry=entry.id)
                counts.add(put_away(_as_envelope(entry), UNREADABLE, str(error)))
        counts.add(self._split.store(envelopes))
        return counts

    def _wait_out(self, error: Exception, pause: float) -> float:
        """Wait a little longer after each failure, with fresh connections; return the next pause.

        A worker that holds entries keeps them: it tries these first, in their order.
        """
        self.state = "waiting"
        self._holds = True
        # The first line names what is missing, without values of rows.
        said = words_of(error).partition("\n")[0]
        logger.warning("signal_worker_waits", why=what(error), said=said, seconds=round(pause, 1))
        connection.close()
        self._stop.wait(pause)
        return min(pause * 2, LONGEST_PAUSE)

    def _keep_signing(self) -> None:
        """Until the end, once a second: I live, my loop moves."""
        voice = Consumer(self.name)
        while not self._ended.is_set():
            if time.monotonic() - self._moved_at < STUCK_SECONDS:
                # That the queue is away, the loop finds out by itself, and says so.
                with contextlib.suppress(redis.RedisError, QueueError):
                    voice.sign(self.state)
                if self.alive_file is not None:
                    self.alive_file.touch()
            self._ended.wait(SIGN_SECONDS)
        voice.close()

    def _say_goodbye(self) -> None:
        try:
            self._consumer.leave()
        except redis.RedisError as error:
            logger.info("signal_worker_left_without_goodbye", why=what(error))
        connection.close()


def _parts(entries: list[Entry], events: int) -> list[list[Entry]]:
    """Cut what is held into batches: after a long outage that can be much."""
    parts: list[list[Entry]] = []
    size = events
    for entry in entries:
        if size >= events:
            parts.append([])
            size = 0
        parts[-1].append(entry)
        size += entry.events
    return parts


def _as_envelope(entry: Entry) -> Envelope:
    """Make an event of an entry that cannot be read, so that its bytes are not lost.

    Its id is made from the entry's: read again, it is the same event.
    """
    milliseconds = int(entry.id.split("-")[0])
    chance = int.from_bytes(blake2b(entry.id.encode(), digest_size=9).digest(), "big")
    number = milliseconds << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64
    number |= 0b10 << 62 | chance & (1 << 62) - 1
    return Envelope(
        id=number.to_bytes(16, "big"),
        received_at=milliseconds * 1000,
        source="queue",
        token="",
        shape="signal",
        hint="",
        sent_at="",
        body=entry.chunk,
    )
