"""What is wrong with the database, in words, with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from crm_project.common.formats import size
from crm_project.common.selectors.database_report import _OURS, _SIZES

BAD, WATCH = "bad", "watch"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (``bad``) or may become so (``watch``)."""

    level: str
    check: str
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Check:
    """A statement whose rows are each a finding; ``what`` is filled with the row's columns."""

    name: str
    level: str
    sql: str
    what: str
    hint: str
    production: bool = False


_CHECKS = (
    _Check(
        "sessions", BAD,
        """
        select count(*) as used, current_setting('max_connections')::int as most
        from pg_stat_activity where backend_type = 'client backend'
        having count(*) > 0.85 * current_setting('max_connections')::int
        """,
        "{used} of {most} sessions are in use.",
        "Lower DATABASE_POOL_SIZE or the number of processes, or raise max_connections.",
    ),
    _Check(
        "blocked", BAD,
        """
        select pid, extract(epoch from now() - state_change)::int as seconds,
            pg_blocking_pids(pid)::text as holders
        from pg_stat_activity
        where cardinality(pg_blocking_pids(pid)) > 0 and state_change < now() - interval '1 minute'
        """,
        "Session {pid} has waited {seconds} s for session {holders}.",
        "See what the holder does (db_report, Longest transactions); pg_cancel_backend ends it.",
    ),
    _Check(
        "idle in transaction", BAD,
        """
        select pid, usename, extract(epoch from now() - state_change)::int as seconds
        from pg_stat_activity
        where state like 'idle in transaction%%' and state_change < now() - interval '15 minutes'
        """,
        "Session {pid} of {usename} holds a transaction open and has done nothing for {seconds} s.",
        "End it with pg_terminate_backend; apply_roles limits this for every role.",
    ),
    _Check(
        "invalid index", BAD,
        f"""
        select i.indexrelid::regclass::text as name from pg_index as i
        inner join pg_class as c on i.indrelid = c.oid
        where not i.indisvalid and c.relnamespace::regnamespace::text in {_OURS}
        """,  # noqa: S608 - fixed text
        "The index {name} is not valid: making it was broken off.",
        "Drop it and make it again, both concurrently.",
    ),
    _Check(
        "unproved constraint", WATCH,
        f"""
        select conname as name, conrelid::regclass::text as place from pg_constraint
        where not convalidated and connamespace::regnamespace::text in {_OURS}
        """,  # noqa: S608 - fixed text
        "The constraint {name} of {place} has not been checked against older rows.",
        "alter table … validate constraint …",
    ),
    _Check(
        "dead rows", WATCH,
        f"""
        select name, dead, round(dead_share) as share from ({_SIZES}) as sizes
        where dead > 100000 and dead_share > 25
        """,  # noqa: S608 - fixed text
        "{share} % of the rows of {name} are dead ({dead}).",
        "Look for long transactions and replicas that hold vacuum back; then vacuum it.",
    ),
    _Check(
        "never analyzed", WATCH,
        f"""
        select c.oid::regclass::text as name from pg_class as c
        inner join pg_stat_all_tables as s on c.oid = s.relid
        where c.relnamespace::regnamespace::text in {_OURS} and c.relkind = 'r'
            and s.n_live_tup > 10000 and c.reltuples < 0
        """,  # noqa: S608 - fixed text
        "The planner knows nothing of {name}: plans for it are guesses.",
        "analyze it; see whether autovacuum is on.",
    ),
    _Check(
        "numbers run out", BAD,
        """
        select schemaname || '.' || sequencename as name,
            round(100.0 * last_value / max_value) as share
        from pg_sequences where last_value > 0.7 * max_value and not cycle
        """,
        "The sequence {name} has used {share} % of its numbers.",
        "Make its column a bigint before it is full.",
    ),
    _Check(
        "transactions run out", BAD,
        """
        select datname, age(datfrozenxid) as age from pg_database
        where datallowconn and age(datfrozenxid) > 1000000000
        """,
        "The oldest row of {datname} is {age} transactions old; at two thousand million it stops.",
        "Find what holds vacuum back (long transactions, slots, prepared transactions); vacuum.",
    ),
    _Check(
        "slots", BAD,
        """
        select slot_name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as bytes
        from pg_replication_slots
        where not pg_is_in_recovery() and not active
            and pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > 1073741824
        """,
        "Nobody reads the slot {slot_name}; it keeps {bytes:size} of the log on the disk.",
        "Bring its replica back, or drop the slot before the disk is full.",
    ),
    _Check(
        "replica late", BAD,
        """
        select application_name, extract(epoch from replay_lag)::int as seconds
        from pg_stat_replication where replay_lag > interval '30 seconds'
        """,
        "The replica {application_name} is {seconds} s behind.",
        "See whether it is short of disk or network, or replays a long query's conflict.",
    ),
    _Check(
        "archive", BAD,
        """
        select last_failed_wal as name, failed_count as count from pg_stat_archiver
        where last_failed_time > coalesce(last_archived_time, '-infinity')
        """,
        "The log {name} could not be archived ({count} failures): no point in time after it.",
        "Look into the server's log; the disk fills until it works again.",
    ),
    _Check(
        "durability", BAD,
        """
        select name, setting from pg_settings
        where (name in ('fsync', 'full_page_writes') and setting = 'off')
            or (name = 'synchronous_commit' and setting = 'off')
        """,
        "{name} is {setting}: what was committed may be lost.",
        "Set it to on and restart the server.",
        production=True,
    ),
    _Check(
        "checksums", WATCH,
        "select 1 as one from pg_settings where name = 'data_checksums' and setting = 'off'",
        "The server does not notice when the disk changes its pages.",
        "pg_checksums --enable while it is stopped, or initdb --data-checksums.",
        production=True,
    ),
    _Check(
        "encryption", WATCH,
        """
        select count(*) as plain
        from pg_stat_activity as a inner join pg_stat_ssl as s on a.pid = s.pid
        where not s.ssl and a.state is distinct from 'starting' and a.client_addr is not null
            and not a.client_addr <<= '127.0.0.0/8' and a.client_addr <> '::1'
        having count(*) > 0
        """,
        "{plain} sessions came from other machines without TLS.",
        "PGSSLMODE=verify-full, PGSSLROOTCERT and hostssl in pg_hba.conf; docs/operations.md#tls.",
        production=True,
    ),
    _Check(
        "login", BAD,
        """
        select current_user as name from pg_roles where rolname = current_user and rolsuper
        """,
        "This process is logged in as {name}, a superuser.",
        "Log in as app_user (DATABASE_URL); apply_roles makes it.",
        production=True,
    ),
    _Check(
        "large objects", BAD,
        """
        select count(*) as count, string_agg(distinct pg_get_userbyid(lomowner), ', ') as owners
        from pg_largeobject_metadata having count(*) > 0
        """,
        "There are {count} large objects, made by {owners}: nothing of ours makes any.",
        "lo_unlink removes one (pg_largeobject_metadata). Whoever logs in may make them until a"
        " superuser has run apply_roles.",
    ),
    _Check(
        "statistics", WATCH,
        """
        select 1 as one where not exists (select from crm.pg_stat_statements)
        """,
        "Nobody counts which queries are slow.",
        "shared_preload_libraries = 'pg_stat_statements', restart, create the extension.",
    ),
)  # fmt: skip


def findings() -> list[Finding]:
    """Return what is wrong, the worst first. An empty list is good news."""
    found = [*_findings()]
    return sorted(found, key=lambda finding: finding.level != BAD)


def names() -> list[str]:
    """Return the names of the checks that are made here: some are for production only."""
    return [check.name for check in _asked()]


def _asked() -> list[_Check]:
    return [check for check in _CHECKS if settings.PRODUCTION or not check.production]


class _Row(dict[str, Any]):
    """A row whose columns fill a sentence; ``{bytes:size}`` is written as a size."""

    def fill(self, text: str) -> str:
        words = {name: _Value(value) for name, value in self.items()}
        return text.format(**words)


class _Value:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __format__(self, wanted: str) -> str:
        return size(int(self._value)) if wanted == "size" else str(self._value)


def _findings() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        for check in _asked():
            cursor.execute(check.sql, {})
            columns = [column.name for column in cursor.description or ()]
            for values in cursor.fetchall():
                row = _Row(zip(columns, values, strict=True))
                yield Finding(check.level, check.name, row.fill(check.what), check.hint)
