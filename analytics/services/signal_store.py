"""Turn what was received into signals: each envelope is stored once, whatever is sent again.

One transaction writes the raw event, the receipt of its message id, and the signal. Two workers
with the same envelopes cannot both store them, and cannot block each other for good: each enters
the gate, then writes receipts in the order of their digests, then raw events in the order of their
ids, and waits for nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction

from analytics.ingest.envelope import Envelope
from analytics.models import SignalType
from analytics.services import signal_identities
from analytics.services.signal_batch import Batch, Types, read
from analytics.services.signal_batch import Poison as Poison
from analytics.services.signal_partitions import ensure_partitions, is_missing_partition
from analytics.services.signal_quarantine import quarantine as quarantine
from analytics.services.signal_store_sql import (
    FIRST_TIME,
    FIRST_TIME_ALL_NEW,
    PREPARE,
    RECEIPTS,
    REPLAY,
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch; the first three add up to its length.

    Attributes:
        stored: new signals.
        duplicate: events whose message id was stored before; kept in the raw log only.
        redelivered: envelopes that had been processed before; nothing happened.
        linked: of the new signals, those of a customer we know.
        unresolved: of the new signals, those of nobody we know yet.
    """

    stored: int = 0
    duplicate: int = 0
    redelivered: int = 0
    linked: int = 0
    unresolved: int = 0


def store(envelopes: Sequence[Envelope], *, replay: bool = False) -> Stored:
    """Store a batch, in one transaction. Storing it again, also at the same time, changes nothing.

    What identify and alias events say about customers follows in a transaction of its own, and
    again with each redelivery, so that it cannot be lost between the two.

    Args:
        envelopes: at most some thousands.
        replay: envelopes whose raw event exists already (quarantined ones, or a raw log that is
            read again): what is missing of receipts and signals is added.

    Raises:
        Poison: an event can never be stored; raised before the database is asked for anything.
        django.db.DataError: PostgreSQL refused a value; nothing was stored.
        django.db.OperationalError: try again later; nothing was stored.
    """
    batch = read(envelopes)
    if not batch.events:
        return Stored()
    rows = batch.pack(_types())
    try:
        stored = _write(batch, rows, replay=replay)
    except IntegrityError as error:
        # Retention dropped the month between the two transactions: make it once more.
        if not is_missing_partition(error):
            raise
        stored = _write(batch, rows, replay=replay)
    signal_identities.apply(batch.events)
    return stored


def _types() -> Types:
    """Read the types anew for each batch: a change counts from the next batch on."""
    types: dict[str, tuple[str, int]] = {}
    found = SignalType.objects.values_list("event_type", "aliases", "base_score")
    for name, aliases, score in found:
        entry = (name, int(score * 100))
        for alias in aliases:
            types.setdefault(alias, entry)
    # A type's own name wins over another type's other name.
    types.update({name: (name, int(score * 100)) for name, _, score in found})
    return types


def _write(batch: Batch, rows: bytes, *, replay: bool) -> Stored:
    # Not in the transaction of the batch: what it locks is wanted by others.
    ensure_partitions(signals=batch.occurred, raw_events=batch.received)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PREPARE)
        with cursor.copy("copy pg_temp.signal_batch from stdin (format binary)") as copy:
            copy.write(rows)
        cursor.execute(RECEIPTS)
        all_new = cursor.rowcount == batch.keys
        cursor.execute(REPLAY if replay else FIRST_TIME_ALL_NEW if all_new else FIRST_TIME)
        duplicate, stored, linked = cursor.fetchone()
    return Stored(
        stored=stored,
        duplicate=duplicate,
        redelivered=batch.twice + len(batch.events) - stored - duplicate,
        linked=linked,
        unresolved=stored - linked,
    )
