"""Where made signals go: nowhere, into a file, into the queue, or straight into the database."""

import gzip
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from analytics.ingest.chunk import encode
from analytics.ingest.made import MadeEvent, body, wrap
from analytics.services import signal_queue
from analytics.services.signal_store import store
from crm_project.common.exceptions import CrmError

PATIENCE_SECONDS = 60.0
"""How long a full queue is waited for."""
DESTINATIONS = ("queue", "database", "file", "nowhere")


@dataclass(slots=True)
class Taken:
    """What became of events that went to the database."""

    stored: int
    duplicate: int
    unresolved: int


class Sink(Protocol):
    """Takes some events, in the order of arrival; says what became of them where it knows."""

    def __call__(self, events: list[MadeEvent]) -> Taken | None: ...


@contextmanager
def sink(to: str, *, path: Path | None = None) -> Iterator[Sink]:
    """Open a destination. Raises ``CrmError`` when a file is wanted and none is named."""
    if to == "file":
        if path is None:
            raise CrmError("Name the file to write.")
        with _opened(path) as out:
            yield _to_file(out)
    else:
        salt = secrets.token_bytes(8)
        yield {"nowhere": _to_nowhere, "queue": _to_queue, "database": _to_database}[to](salt)


def _to_nowhere(salt: bytes) -> Sink:
    return lambda events: None


def _to_database(salt: bytes) -> Sink:
    """Store as if received when they arrive, in the past; queue and worker see nothing.

    The salt makes other ids each time: the same events sent again are then duplicates, as with
    real senders, and not the same reception seen twice.
    """

    def take(events: list[MadeEvent]) -> Taken:
        done = store(list(wrap(events, salt=salt)))
        return Taken(stored=done.stored, duplicate=done.duplicate, unresolved=done.unresolved)

    return take


def _to_queue(salt: bytes) -> Sink:
    """Put into the queue as received now; a worker stores them."""

    def take(events: list[MadeEvent]) -> None:
        now = time.time_ns() // 1000
        envelopes = list(wrap(events, salt=salt + now.to_bytes(8, "big"), received_at=now))
        _append(encode(envelopes), len(envelopes))

    return take


def _append(chunk: bytes, count: int) -> None:
    """Append, waiting for room as a polite sender would. Raises ``QueueFull`` after a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            signal_queue.append(chunk, count)
        except signal_queue.QueueFull:
            if time.monotonic() >= until:
                raise
            time.sleep(0.2)
        else:
            return


def _to_file(out: BinaryIO) -> Sink:
    """Write one JSON object a line, as ``POST /api/v1/signals`` takes it."""

    def take(events: list[MadeEvent]) -> None:
        out.write(b"".join(body(event) + b"\n" for event in events))

    return take


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as plain:
        if path.suffix != ".gz":
            yield plain
            return
        # Without name and time in its head: the same events make the same file.
        with gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
            yield cast("BinaryIO", packed)
