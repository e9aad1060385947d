"""Storing signals, against one ``COPY`` of the same signals into an identical, indexed table.

Ours: ``store``: parse, check, score, tell duplicates apart, find customers and articles, write the
raw log, the receipts and the signals with all their indexes, one commit per batch. Peer: one
``COPY`` of the finished rows into one table with the same columns, the same generated words for
the search and the same indexes, without raw log, receipts and look-ups. Both start with the same
number of rows already there.
"""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from statistics import median

from django.db import connection

from analytics.ingest.envelope import Envelope
from analytics.ingest.made import envelopes
from analytics.services.signal_store import store
from benchmarks import scratch
from benchmarks.framework import Row, Scale, seconds

DATABASE = "crm_bench_signal_store"
SMALL, FULL = 100_000, 1_000_000
BATCHES = (100, 2_500)
COLUMNS = """
    id, occurred_at, received_at, created_at, customer_id, product_id, score, historical,
    customer_ref, product_ref, event_type, source, message_id, kind, signal_data
"""
CUSTOMERS = """
    insert into customers_customer (code, name, email, phone, language, country)
    select distinct 'M' || lpad(n::text, 7, '0'), '', '', '', '', ''
    from generate_series(1, {customers}) as n;
    insert into orders_product (key, label, category, family)
    select 'MADE-' || lpad(n::text, 4, '0'), 'Article ' || n, '', ''
    from generate_series(1, 200) as n;
    analyze customers_customer, orders_product
"""
EMPTY = "truncate analytics_signal, analytics_rawevent, analytics_signalreceipt"
BARE = """
    drop table if exists bare_signal;
    create table bare_signal (like analytics_signal including all)
"""


def run(scale: Scale) -> list[Row]:
    """Measure small and full batches; the rate of ``COPY`` is taken in the same rounds."""
    count = SMALL if scale.name == "small" else FULL
    rounds = 3 if scale.name == "small" else 1
    with scratch.database(DATABASE):
        scratch.sql(CUSTOMERS.format(customers=count // 20))
        events = list(envelopes(2 * count, seed=11))
        before, measured = events[:count], events[count:]
        _fill(before, BATCHES[-1])
        rows, more = stored_rows(), finished(measured)
        taken: dict[int, list[float]] = {size: [] for size in BATCHES}
        copied = []
        for _ in range(rounds):
            scratch.sql(BARE)
            copy_rows(rows)
            copied.append(seconds(lambda: copy_rows(more)))
            for size in BATCHES:
                scratch.sql(EMPTY)
                _fill(before, BATCHES[-1])
                taken[size].append(seconds(partial(_fill, measured, size)))
    rate = count / median(copied)
    return [
        Row(
            f"store {count:,} events, {size:,} per batch", count / median(taken[size]), "events/s",
            peer=rate, at_most_peer=0.25 if size == BATCHES[-1] else None, higher_is_better=True,
            note=f"{median(taken[size]):.1f} s; COPY {median(copied):.1f} s",
        )
        for size in BATCHES
    ]  # fmt: skip


def _fill(events: Sequence[Envelope], size: int) -> None:
    for start in range(0, len(events), size):
        store(events[start : start + size])


def finished(events: Sequence[Envelope]) -> bytes:
    """Return the rows that the events become, as ``COPY`` takes them."""
    scratch.sql(EMPTY)
    _fill(events, BATCHES[-1])
    return stored_rows()


def stored_rows() -> bytes:
    out = BytesIO()
    statement = f"copy (select {COLUMNS} from analytics_signal order by received_at, id) to stdout"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            out.write(block)
    return out.getvalue()


def copy_rows(rows: bytes) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy bare_signal ({COLUMNS}) from stdin") as copy,
    ):
        copy.write(rows)
