"""What Prometheus should know about the database's connections and standbys, and about our pool.

The server's own numbers are the same from every process; those of the pool are of the one asked.
"""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# Other users' sessions are seen by pg_read_all_stats, which app_user has.
_SESSIONS = """
    select coalesce(state, 'unknown'), count(*),
        coalesce(max(extract(epoch from now() - xact_start)), 0)
    from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'
    group by 1
"""
_STANDBYS = """
    select application_name, extract(epoch from coalesce(replay_lag, '0'))::float8,
        pg_wal_lsn_diff(
            case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                else pg_current_wal_lsn() end, replay_lsn)::float8
    from pg_stat_replication
    where state = 'streaming'
"""
_SERVER = """
    select current_setting('max_connections')::int, pg_database_size(current_database()),
        blks_hit, blks_read, deadlocks
    from pg_stat_database where datname = current_database()
"""


class DatabaseMetrics(Collector):
    """Connections by what they do, the oldest transaction, standbys and how far they are behind."""

    def describe(self) -> Iterator[Metric]:
        """Registering must not query."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            yield from (*_sessions(), *_standbys(), *_server())
        except DatabaseError:
            # The other metrics stay readable while the database is away; /readyz says that it is.
            return
        yield from _pool()


def _rows(query: str) -> list[tuple[float, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[float, ...]] = cursor.fetchall()
    return rows


def _sessions() -> Iterator[Metric]:
    count = GaugeMetricFamily(
        "crm_database_connections", "Sessions by state, of all processes.", labels=["state"]
    )
    oldest = 0.0
    for state, sessions, seconds in _rows(_SESSIONS):
        count.add_metric([str(state)], sessions)
        oldest = max(oldest, float(seconds))
    yield count
    yield GaugeMetricFamily(
        "crm_database_oldest_transaction_seconds", "It keeps dead rows from being removed.", oldest
    )


def _standbys() -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "crm_replication_lag_seconds", "How long a standby shows older rows.", labels=["standby"]
    )
    behind = GaugeMetricFamily(
        "crm_replication_lag_bytes", "What a standby has not replayed.", labels=["standby"]
    )
    rows = _rows(_STANDBYS)
    for name, seconds, size in rows:
        lag.add_metric([str(name)], seconds)
        behind.add_metric([str(name)], size)
    yield from (lag, behind)
    yield GaugeMetricFamily("crm_replication_standbys", "Standbys that follow.", len(rows))


def _server() -> Iterator[Metric]:
    [(limit, size, hit, read, deadlocks)] = _rows(_SERVER)
    for name, words, value in (
        ("connections_limit", "Sessions that the server takes.", limit),
        ("size_bytes", "Size of the database.", size),
        ("cache_hits", "Blocks found in memory since statistics began.", hit),
        ("cache_reads", "Blocks asked of the system since then.", read),
        ("deadlocks", "Deadlocks since then.", deadlocks),
    ):
        yield GaugeMetricFamily(f"crm_database_{name}", words, value)


def _pool() -> Iterator[Metric]:
    """Of this process, where ``DATABASE_POOL_SIZE`` asked for a pool."""
    pool = getattr(connection, "pool", None)
    if pool is None:
        return
    stats = pool.get_stats()
    for name, words in (
        ("pool_size", "Connections that this process holds."),
        ("pool_available", "Those of them that nobody uses."),
        ("requests_waiting", "Threads that wait for one."),
    ):
        yield GaugeMetricFamily(f"crm_database_{name}", words, stats.get(name, 0))
