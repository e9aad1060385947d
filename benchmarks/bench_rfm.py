"""RFM: scores from the kept totals, against a column store fed from PostgreSQL and on its own.

Ours: ``score_rfm``, from rows in PostgreSQL to scores in PostgreSQL, with key and statistics.
Peer: the orders are pulled over ADBC, scored in DuckDB, and the scores pushed over ADBC.
Limit: DuckDB on a local Parquet file of the orders; it reads and scores, and writes nothing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
from adbc_driver_postgresql import dbapi
from django.conf import settings
from django.db import connection, connections
from psycopg.conninfo import make_conninfo

from analytics.models import RfmRun
from analytics.scoring.segments import default_map
from analytics.services.rfm import _drop_scores, score_rfm
from benchmarks import data
from benchmarks.framework import Row, Scale, medians, seconds

PULL = """
    select customer_id, ordered_at, kind = 'sale' as sale, (net_amount * 100)::bigint as pence
    from orders_order where status in ('paid', 'fulfilled') and customer_id is not null
"""

VALUES = """
    select
        customer_id,
        (current_date - max(ordered_at) filter (where sale)::date)::integer as recency_days,
        (count(*) filter (where sale))::integer as frequency,
        sum(case when sale then pence else -pence end)::bigint as pence
    from {source} group by customer_id having count(*) filter (where sale) > 0
"""

SCORE = """
    with v as (from {values}),
    cuts as (
        select
            quantile_disc(recency_days, [0.2, 0.4, 0.6, 0.8]) as rc,
            quantile_disc(frequency, [0.2, 0.4, 0.6, 0.8]) as fc,
            quantile_disc(pence, [0.2, 0.4, 0.6, 0.8]) as mc
        from v
    ),
    scored as (
        select
            v.*,
            5 - (recency_days > rc[1])::int - (recency_days > rc[2])::int
              - (recency_days > rc[3])::int - (recency_days > rc[4])::int as r,
            1 + (frequency > fc[1])::int + (frequency > fc[2])::int
              + (frequency > fc[3])::int + (frequency > fc[4])::int as f,
            1 + (pence > mc[1])::int + (pence > mc[2])::int
              + (pence > mc[3])::int + (pence > mc[4])::int as m
        from v, cuts
    )
    select
        customer_id, recency_days, frequency,
        r::smallint as r, f::smallint as f, m::smallint as m, segment, pence
    from scored join cells on cells.code = r * 100 + f * 10 + m
"""


def run(scale: Scale) -> list[Row]:
    """Measure the full run, and the run after 1 % new orders."""
    parquet = Path(settings.CRM_HOME) / "orders.parquet"
    duck = _duck()
    _write_parquet(duck, parquet)
    ours, peer, limit = medians(
        scale.rounds, _score, lambda: _peer(duck), lambda: _limit(duck, parquet)
    )
    steps = RfmRun.objects.filter(is_current=True).get().timings
    note = ", ".join(f"{name} {spent:.2f}" for name, spent in steps.items() if spent >= 0.005)
    orders = medians(max(1, scale.rounds // 2), lambda: _score(window_days=36_500))[0]
    first = Row(
        f"scores of {scale.customers:,} customers / {scale.orders:,} orders, from the totals",
        ours, peer=peer, limit=limit, at_most_peer=0.5, at_most_limit=1.6, note=note,
    )  # fmt: skip
    second = Row(
        "the same from all orders (a window, or an earlier day)", orders, peer=peer, limit=limit
    )
    return [first, second, _after_new_orders(scale)]


def _score(**options: Any) -> None:
    """Score, and drop the run before: the disk stays as it was."""
    before = RfmRun.objects.filter(is_current=True).first()
    score_rfm(refresh_views=False, **options)
    if before is not None:
        _drop_scores(before)


def _duck() -> duckdb.DuckDBPyConnection:
    duck = duckdb.connect()
    duck.execute(f"set timezone = '{settings.TIME_ZONE}'")
    duck.execute("create table cells (code integer, segment varchar)")
    duck.executemany(
        "insert into cells values (?, ?)", [(int(c), s) for c, s in default_map().items()]
    )
    return duck


def _uri() -> str:
    params = connection.get_connection_params()
    names = ("host", "port", "dbname", "user", "password")
    return make_conninfo("", **{name: params[name] for name in names if params.get(name)})


def _write_parquet(duck: duckdb.DuckDBPyConnection, path: Path) -> None:
    with dbapi.connect(_uri()) as postgres, postgres.cursor() as cursor:
        cursor.execute(PULL)
        orders = cursor.fetch_record_batch()  # noqa: F841 - DuckDB reads it by its name
        duck.execute(f"copy (from orders) to '{path}' (format parquet)")


def _peer(duck: duckdb.DuckDBPyConnection) -> None:
    with dbapi.connect(_uri()) as postgres, postgres.cursor() as cursor:
        cursor.execute(PULL)
        orders = cursor.fetch_record_batch()  # noqa: F841 - DuckDB reads it by its name
        duck.execute(f"create or replace temp table v as {VALUES.format(source='orders')}")
        scores = duck.sql(SCORE.format(values="v")).to_arrow_table()
        cursor.execute("drop table if exists bench_scores")
        cursor.adbc_ingest("bench_scores", scores, mode="create")
        cursor.execute("alter table bench_scores add primary key (customer_id)")
        postgres.commit()


def _limit(duck: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    source = f"read_parquet('{parquet}')"
    duck.execute(f"create or replace temp table v as {VALUES.format(source=source)}")
    scores = SCORE.format(values="v")
    duck.execute(f"select segment, count(*) from ({scores}) group by segment").fetchall()


def _after_new_orders(scale: Scale) -> Row:
    """Score while readers read; add 1 % orders by the ordinary way, triggers and all; again."""
    with _reader() as slowest:
        full = medians(2, _score)[0]
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from orders_order")
            start = cursor.fetchone()[0] + 1
            end = start + scale.orders // 100 - 1
            values = {"customers": scale.customers, "from": start, "to": end}
            added = seconds(lambda: cursor.execute(data.ORDERS, values))
        ours = medians(2, _score)[0]
        note = f"adding them took {added:.1f} s, totals included; slowest read {slowest()} ms"
    return Row(
        "scores after 1 % new orders (limit: the run before them)",
        ours, limit=full, at_most_limit=1.15, note=note,
    )  # fmt: skip


@contextmanager
def _reader() -> Iterator[Any]:
    """Read the current segment of a customer all the time; yields the slowest read so far."""
    stop, times = threading.Event(), [0.0]

    def read() -> None:
        with connections["default"].cursor() as cursor:
            # Often enough to notice a lock, seldom enough not to need a core.
            while not stop.wait(0.005):
                started = perf_counter()
                cursor.execute(
                    "select segment_id from analytics_currentrfmscore where customer_id ="
                    " (select min(id) from customers_customer)"
                )
                times.append(perf_counter() - started)
        connections["default"].close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield lambda: round(max(times) * 1000)
    finally:
        stop.set()
        thread.join()
