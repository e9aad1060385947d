"""What a database holds: rows and checksums of its tables, its sequences, its objects.

The checksum of a table is the sum of a hash over each row's text, so the order of rows does not
matter. The session writes values in one fixed way, whatever the server's settings are.
"""

import hashlib
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from crm_project.backup.manifest import Contents, TableFacts

PLAIN = (
    "set search_path = pg_catalog; set timezone = 'UTC'; set datestyle = 'ISO'; "
    "set intervalstyle = 'postgres'; set extra_float_digits = 1; set bytea_output = 'hex'; "
    "set xmlbinary = 'base64'; set max_parallel_workers_per_gather = 0"
)
"""One way of writing values. Without parallel workers: a backup leaves cores to the others."""

_OURS: LiteralString = """
    n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
    and n.nspname !~ '^pg_(toast_)?temp_'
"""
_NOT_OF_EXTENSIONS: LiteralString = """
    not exists (
        select from pg_depend as d
        where d.objid = o.oid and d.deptype = 'e' and d.classid = {classid}::regclass
    )
"""

TABLES: LiteralString = f"""
    select n.nspname, o.relname
    from pg_class as o
    inner join pg_namespace as n on n.oid = o.relnamespace
    where o.relkind = 'r' and {_OURS} and {_NOT_OF_EXTENSIONS.format(classid="'pg_class'")}
    order by 1, 2
"""  # noqa: S608 - constants of this file
SEQUENCES: LiteralString = f"""
    select format('%I.%I', n.nspname, o.relname), coalesce(s.last_value, 0)
    from pg_class as o
    inner join pg_namespace as n on n.oid = o.relnamespace
    inner join pg_sequences as s on s.schemaname = n.nspname and s.sequencename = o.relname
    where o.relkind = 'S' and {_OURS} and {_NOT_OF_EXTENSIONS.format(classid="'pg_class'")}
"""  # noqa: S608 - constants of this file

# Kind → names of all objects of the kind. Views count with whether they are filled.
OBJECTS: dict[str, LiteralString] = {
    "relations": f"""
        select format('%s %I.%I %s', o.relkind, n.nspname, o.relname, o.relispopulated)
        from pg_class as o
        inner join pg_namespace as n on n.oid = o.relnamespace
        where o.relkind not in ('t', 'c') and {_OURS}
            and {_NOT_OF_EXTENSIONS.format(classid="'pg_class'")}
    """,  # noqa: S608 - constants of this file
    "constraints": f"""
        select format('%s %I %s %s', o.conrelid::regclass, o.conname, o.contype, o.convalidated)
        from pg_constraint as o
        inner join pg_namespace as n on n.oid = o.connamespace
        where o.contype <> 't' and {_OURS}
    """,  # noqa: S608 - constants of this file
    "triggers": f"""
        select format('%s %I %s', o.tgrelid::regclass, o.tgname, o.tgenabled)
        from pg_trigger as o
        inner join pg_class as c on c.oid = o.tgrelid
        inner join pg_namespace as n on n.oid = c.relnamespace
        where not o.tgisinternal and {_OURS}
    """,  # noqa: S608 - constants of this file
    "functions": f"""
        select format('%s %s', o.oid::regprocedure, md5(o.prosrc))
        from pg_proc as o
        inner join pg_namespace as n on n.oid = o.pronamespace
        where {_OURS} and {_NOT_OF_EXTENSIONS.format(classid="'pg_proc'")}
    """,  # noqa: S608 - constants of this file
    "extensions": "select extname || ' ' || extversion from pg_extension as o",
}

Told = Callable[[int, int, str], None]


def tables(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Return schema and name of each table with rows of its own, partitions included."""
    return list(connection.execute(TABLES).fetchall())


def measure(connection: psycopg.Connection[Any], told: Told | None = None) -> Contents:
    """Read every table once. The caller's transaction decides of which moment.

    Args:
        told: is told tables done, tables in all, and the table at hand.
    """
    connection.execute(PLAIN)
    found = {}
    names = tables(connection)
    for number, (schema, name) in enumerate(names):
        if told is not None:
            told(number, len(names), f"{schema}.{name}")
        found[f"{schema}.{name}"] = _table(connection, schema, name)
    return Contents(found, sequences(connection), objects(connection))


def sequences(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the last value of each sequence; 0 of one that has not begun."""
    return {name: int(value) for name, value in connection.execute(SEQUENCES)}


def objects(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return of each kind of object how many there are, and a digest of their names."""
    return {kind: _digest(connection, query) for kind, query in OBJECTS.items()}


def is_empty(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a database holds nothing that anybody put there."""
    query: LiteralString = f"""
        select not exists (
            select from pg_class as o
            inner join pg_namespace as n on n.oid = o.relnamespace
            where o.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and {_OURS}
                and {_NOT_OF_EXTENSIONS.format(classid="'pg_class'")}
        )
    """  # noqa: S608 - constants of this file
    row = connection.execute(query).fetchone()
    return bool(row and row[0])


def _table(connection: psycopg.Connection[Any], schema: str, name: str) -> TableFacts:
    query = sql.SQL(
        'select count(*), coalesce(sum(hashtextextended(t::text collate "C", 0)), 0)::text '
        "from only {} as t"
    )
    row = connection.execute(query.format(sql.Identifier(schema, name))).fetchone()
    rows, checksum = row or (0, "0")
    return TableFacts(rows, checksum)


def _digest(connection: psycopg.Connection[Any], query: LiteralString) -> str:
    names = sorted(str(name) for (name,) in connection.execute(query))
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    return f"{len(names)} {digest}"
