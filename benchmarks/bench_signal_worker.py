"""Draining the signal queue, against one ``COPY`` of the same signals into an identical table.

Ours: one worker process with its two threads takes entries out of Valkey (``appendfsync always``),
stores them (raw log, receipts, signals with all indexes) and acknowledges. Entries of 20 events
are what concurrent single requests make, of 500 what batches make. Peer: as in
``bench_signal_store``: the finished rows, one statement, one table with the same indexes.
"""

from collections.abc import Sequence
from statistics import median

from django.conf import settings

from analytics.ingest import chunk
from analytics.ingest.envelope import Envelope
from analytics.ingest.made import envelopes
from analytics.services import signal_queue
from analytics.services.signal_team import Team
from analytics.signal_stream import client, key
from benchmarks import bench_signal_store as store
from benchmarks import scratch
from benchmarks.framework import Row, Scale, seconds

DATABASE = "crm_bench_signal_worker"
PREFIX = "bench:signals"
ENTRIES = (20, 500)


def run(scale: Scale) -> list[Row]:
    """Measure both sizes of entries; the rate of ``COPY`` is taken in the same rounds."""
    count = store.SMALL if scale.name == "small" else store.FULL
    rounds = 3 if scale.name == "small" else 1
    settings.CRM_QUEUE_PREFIX = PREFIX
    with scratch.database(DATABASE):
        scratch.sql(store.CUSTOMERS.format(customers=count // 20))
        events = list(envelopes(count, seed=12))
        rows = store.finished(events)
        taken: dict[int, list[float]] = {size: [] for size in ENTRIES}
        copied = []
        for _ in range(rounds):
            scratch.sql(store.BARE)
            copied.append(seconds(lambda: store.copy_rows(rows)))
            for size in ENTRIES:
                taken[size].append(_drained(events, size))
    rate = count / median(copied)
    return [
        Row(
            f"drain {count:,} events, {size} per entry", count / median(taken[size]), "events/s",
            peer=rate, at_most_peer=0.25, higher_is_better=True,
            note=f"{median(taken[size]):.1f} s; COPY {median(copied):.1f} s",
        )
        for size in ENTRIES
    ]  # fmt: skip


def _drained(events: Sequence[Envelope], size: int) -> float:
    """Return how long one process takes to empty a queue that holds the events."""
    scratch.sql(store.EMPTY)
    _forget()
    for start in range(0, len(events), size):
        part = events[start : start + size]
        signal_queue.append(chunk.encode(part), len(part))
    team = Team(
        threads=settings.CRM_SIGNAL_THREADS,
        batch_events=settings.CRM_SIGNAL_BATCH,
        wait_seconds=0.01,
    )
    spent = seconds(lambda: team.run(drain=True))
    _forget()
    return spent


def _forget() -> None:
    for name in client().scan_iter(f"{key()}*"):
        client().delete(name)
