"""How the database is doing: slow queries, sizes, dead rows, idle indexes, locks, replication.

Every part is one statement over PostgreSQL's own statistics, which count since they were last
reset. Reading them costs milliseconds and locks nothing.
"""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection

from crm_project.common import formats
from crm_project.common.selectors.database_bloat import BLOAT

_OURS = "('public', 'crm', 'crm_private', 'app_schema')"
# A crash loses the statistics, and with them since when they count.
_SINCE = """coalesce(to_char(stats_reset at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
            'not known: never reset, or lost in a crash')"""
# A partition counts for the table that people know.
_SIZES = f"""
    select
        coalesce(pg_partition_root(c.oid), c.oid)::regclass::text as name,
        count(*) filter (where c.relkind = 'r') as parts,
        sum(greatest(c.reltuples, 0))::bigint as rows,
        sum(pg_table_size(c.oid)) as table_bytes,
        sum(pg_indexes_size(c.oid)) as index_bytes,
        sum(coalesce(s.n_dead_tup, 0)) as dead,
        100.0 * sum(coalesce(s.n_dead_tup, 0))
            / nullif(sum(coalesce(s.n_live_tup, 0) + coalesce(s.n_dead_tup, 0)), 0) as dead_share,
        max(greatest(s.last_vacuum, s.last_autovacuum)) as vacuumed,
        max(greatest(s.last_analyze, s.last_autoanalyze)) as analyzed
    from pg_class as c
    left join pg_stat_all_tables as s on c.oid = s.relid
    where c.relkind in ('r', 'm') and c.relnamespace::regnamespace::text in {_OURS}
    group by 1
"""  # noqa: S608 - fixed text


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and how its values are written."""

    title: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: what it tells, and its rows, worst first."""

    key: str
    title: str
    what: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def shown(self) -> list[list[str]]:
        """Return the rows as people read them."""
        kinds = [column.kind for column in self.columns]
        return [
            [written(value, kind) for value, kind in zip(row, kinds, strict=True)]
            for row in self.rows
        ]


@dataclass(frozen=True, slots=True)
class _Question:
    key: str
    title: str
    what: str
    columns: tuple[Column, ...]
    sql: str


_QUESTIONS = (
    _Question(
        "overview",
        "At a glance",
        "This database since its statistics were reset.",
        (Column("What"), Column("Value")),
        f"""
        select 'Size' as what, pg_size_pretty(pg_database_size(current_database())) as value
        union all
        select 'Found in memory', coalesce(round(100.0 * blks_hit
            / nullif(blks_hit + blks_read, 0), 2)::text || ' %%', 'nothing read yet')
        from pg_stat_database where datname = current_database()
        union all
        select 'Sessions', (select count(*) from pg_stat_activity
            where backend_type = 'client backend') || ' of ' || current_setting('max_connections')
        union all
        select 'From other machines', count(*) filter (where s.ssl) || ' with TLS, '
            || count(*) filter (where not s.ssl) || ' without'
        from pg_stat_activity as a inner join pg_stat_ssl as s on a.pid = s.pid
        where a.client_addr is not null and a.state is distinct from 'starting'
            and not a.client_addr <<= '127.0.0.0/8' and a.client_addr <> '::1'
        union all
        select 'Rolled back', xact_rollback || ' of ' || xact_commit + xact_rollback
        from pg_stat_database where datname = current_database()
        union all
        select 'Deadlocks', deadlocks::text from pg_stat_database
        where datname = current_database()
        union all
        select 'Written to temporary files', pg_size_pretty(temp_bytes) from pg_stat_database
        where datname = current_database()
        union all
        select 'Statistics since', {_SINCE}
        from pg_stat_database where datname = current_database()
        union all
        select 'Server', 'PostgreSQL ' || current_setting('server_version')
        """,  # noqa: S608 - fixed text
    ),
    _Question(
        "slow",
        "Slowest queries",
        "Kinds of statements by the time that all their calls took. $1 stands for values.",
        (
            Column("Query", "query"),
            Column("Calls", "count"),
            Column("All calls", "ms"),
            Column("Mean", "ms"),
            Column("Longest", "ms"),
            Column("Rows", "count"),
            Column("In memory", "percent"),
        ),
        # Statements that are no queries keep their values in the text (passwords, for one).
        """
        select query, calls, total_time, mean_time, max_time, rows,
            100.0 * shared_blks_hit / nullif(shared_blks_hit + shared_blks_read, 0)
        from crm.pg_stat_statements
        where query ~* '^\\s*(select|insert|update|delete|merge|with)\\M'
        order by total_time desc limit %(limit)s
        """,
    ),
    _Question(
        "tables",
        "Largest tables",
        "With their partitions. Dead rows are what changes left behind and vacuum has not cleared.",
        (
            Column("Table"),
            Column("Partitions", "count"),
            Column("Rows, about", "count"),
            Column("Table", "size"),
            Column("Indexes", "size"),
            Column("Dead rows", "count"),
            Column("Dead", "percent"),
            Column("Vacuumed", "moment"),
            Column("Analyzed", "moment"),
        ),
        f"select * from ({_SIZES}) as sizes"  # noqa: S608 - fixed text
        " order by table_bytes + index_bytes desc limit %(limit)s",
    ),
    _Question(
        "bloat",
        "Room that holds nothing",
        "Estimated from the planner's statistics, of tables and B-tree indexes; from 1 MiB and"
        " 30 % on."
        " New rows fill that of a table; an index gives it back by reindex index concurrently.",
        (
            Column("Table or index"),
            Column("Kind"),
            Column("Size", "size"),
            Column("Enough, about", "size"),
            Column("Room, about", "size"),
            Column("Share", "percent"),
        ),
        BLOAT.format(ours=_OURS),
    ),
    _Question(
        "unused",
        "Indexes that nobody used",
        "Neither unique nor part of a constraint. They cost time at every write; young statistics"
        " and yearly reports are no reason to drop one, nor is what only a standby reads.",
        (
            Column("Index"),
            Column("Table"),
            Column("Size", "size"),
            Column("Parts", "count"),
            Column("Counted since"),
        ),
        f"""
        select
            coalesce(pg_partition_root(i.indexrelid), i.indexrelid)::regclass::text,
            coalesce(pg_partition_root(i.indrelid), i.indrelid)::regclass::text,
            sum(pg_relation_size(i.indexrelid)), count(*),
            (select {_SINCE} from pg_stat_database where datname = current_database())
        from pg_index as i
        inner join pg_class as c on i.indrelid = c.oid
        left join pg_stat_all_indexes as s on i.indexrelid = s.indexrelid
        where c.relnamespace::regnamespace::text in {_OURS} and c.relkind in ('r', 'm')
            and not i.indisunique and not i.indisexclusion
        group by 1, 2
        having sum(coalesce(s.idx_scan, 0)) = 0 and sum(pg_relation_size(i.indexrelid)) > 65536
        order by 3 desc limit %(limit)s
        """,  # noqa: S608 - fixed text
    ),
    _Question(
        "locks",
        "Waiting for others",
        "Sessions that wait for a lock, and who holds it.",
        (
            Column("Session"),
            Column("Waits for"),
            Column("Since", "seconds"),
            Column("Held by"),
            Column("Holder's application"),
        ),
        """
        select a.pid::text, coalesce(a.wait_event_type || ': ' || a.wait_event, ''),
            extract(epoch from now() - a.state_change)::float, b.pid::text,
            coalesce(nullif(b.application_name, ''), b.usename)
        from pg_stat_activity as a
        cross join unnest(pg_blocking_pids(a.pid)) as holder (pid)
        inner join pg_stat_activity as b on holder.pid = b.pid
        where a.datname = current_database()
        order by 3 desc limit %(limit)s
        """,
    ),
    _Question(
        "long",
        "Longest transactions",
        "Open for more than ten seconds. They keep vacuum from clearing what others changed.",
        (
            Column("Session"),
            Column("Who"),
            Column("Application"),
            Column("State"),
            Column("Open", "seconds"),
        ),
        """
        select pid::text, usename, application_name, state,
            extract(epoch from now() - xact_start)::float
        from pg_stat_activity
        where datname = current_database() and xact_start < now() - interval '10 seconds'
            and pid <> pg_backend_pid()
        order by 5 desc limit %(limit)s
        """,
    ),
    _Question(
        "replicas",
        "Replicas",
        "Who streams from this server, and how far behind they are.",
        (
            Column("Replica"),
            Column("State"),
            Column("Commits wait for it"),
            Column("Behind", "size"),
            Column("Behind", "seconds"),
        ),
        """
        select application_name, state, sync_state,
            pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn()
                else pg_current_wal_lsn() end, replay_lsn)::bigint,
            coalesce(extract(epoch from replay_lag), 0)::float
        from pg_stat_replication order by 4 desc limit %(limit)s
        """,
    ),
)


def report(*, limit: int = 15) -> list[Section]:
    """Return every part of the report, each with at most ``limit`` rows."""
    found = []
    with connection.cursor() as cursor:
        for question in _QUESTIONS:
            cursor.execute(question.sql, {"limit": limit})
            rows = tuple(tuple(row) for row in cursor.fetchall())
            found.append(
                Section(question.key, question.title, question.what, question.columns, rows)
            )
    return found


def as_json(sections: list[Section]) -> list[dict[str, Any]]:
    """Return the report as plain values: moments and decimals are made text by the writer."""
    return [asdict(section) for section in sections]


def written(value: Any, kind: str) -> str:
    """Write one value as its column says."""
    if value is None:
        return formats.NOTHING
    if kind == "count":
        return formats.count(int(value))
    if kind == "size":
        return formats.size(int(value))
    if kind == "percent":
        return f"{float(value):.1f} %"
    if kind == "ms":
        return f"{float(value):,.1f} ms"
    if kind == "seconds":
        return f"{float(value):,.1f} s"
    if kind == "moment":
        return formats.moment(value)
    return " ".join(str(value).split())[:300] if kind == "query" else str(value)
