"""Several workers in one process: while one waits for the database, another one reads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from analytics.services.signal_consumer import Counts
from analytics.services.signal_worker import Worker, new_name
from analytics.signal_stream import client, key


@dataclass(slots=True)
class Team:
    """Workers that start together, and end together when one cannot go on.

    Args:
        threads: how many.
        batch_events: about so many events per transaction.
        name: of the only worker; of several, the beginning of their names.
        alive_file: touched as long as the first one's loop moves.
    """

    threads: int = 1
    batch_events: int = 4_000
    name: str = ""
    alive_file: Path | None = None
    wait_seconds: float = 1.0
    _workers: list[Worker] = field(default_factory=list)
    _failures: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        first = self.name or new_name()
        names = [first] if self.threads == 1 else [f"{first}-{n + 1}" for n in range(self.threads)]
        self._workers = [
            Worker(
                name=name,
                batch_events=self.batch_events,
                alive_file=self.alive_file if name == names[0] else None,
                wait_seconds=self.wait_seconds,
            )
            for name in names
        ]

    def stop(self) -> None:
        """Ask all to end after the batch in hand. Safe in a signal handler."""
        for worker in self._workers:
            worker.stop()

    def run(self, *, once: bool = False, drain: bool = False) -> Counts:
        """Work until ``stop``; with ``once`` for one batch each, with ``drain`` until it is empty.

        Raises ``SystematicFailureError`` when a worker did, after all have ended.
        """
        until: Callable[[int], bool] = _never
        if once:
            until = _at_once
        elif drain:
            until = _when_empty
        threads = [
            threading.Thread(target=self._work, args=(worker, until), name=worker.name)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            # With a time, so that signals are handled in between.
            while thread.is_alive():
                thread.join(timeout=0.5)
        if self._failures:
            raise self._failures[0]
        total = Counts()
        for worker in self._workers:
            total.add(worker.done)
        return total

    def _work(self, worker: Worker, until: Callable[[int], bool]) -> None:
        try:
            worker.run(until=until)
        except Exception as error:
            self._failures.append(error)
            self.stop()


def _never(entries: int) -> bool:
    return False


def _at_once(entries: int) -> bool:
    return True


def _when_empty(entries: int) -> bool:
    """Nothing was there for this worker, and nobody else holds anything."""
    return not entries and not client().xlen(key())
