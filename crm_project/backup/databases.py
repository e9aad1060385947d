"""Databases beside the one in use: made for a restore, looked into, put in its place, dropped."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from crm_project.backup import contents
from crm_project.backup.errors import BackupError
from crm_project.backup.manifest import Manifest
from crm_project.backup.server import Server


def new_name(base: str, purpose: str) -> str:
    """Return a name for a new database that tells whose it is: ``crm_drill_1a2b3c4d``."""
    return f"{beginning(base)}_{purpose}_{secrets.token_hex(4)}"


def beginning(base: str) -> str:
    """Return as much of a name as leaves room for more: PostgreSQL cuts after 63 bytes."""
    return base.encode()[:40].decode(errors="ignore")


@contextmanager
def _on_server(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.own_database().connect(autocommit=True) as connection:
        yield connection


def create_database(server: Server, name: str, manifest: Manifest) -> None:
    """Create an empty database that sorts as the one of the backup did."""
    options: list[sql.Composable] = [sql.SQL("template template0")]
    options += [
        sql.SQL("{} {}").format(sql.SQL(_OPTIONS[key][manifest.locale["locale_provider"]]),
                                sql.Literal(value))
        for key, value in manifest.locale.items()
        if manifest.locale["locale_provider"] in _OPTIONS[key]
    ]  # fmt: skip
    statement = sql.SQL("create database {} ").format(sql.Identifier(name))
    try:
        with _on_server(server) as connection:
            connection.execute(statement + sql.SQL(" ").join(options))
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            "This login may not create databases, which a restore and a drill need. Name one "
            "that may in CRM_BACKUP_DATABASE_URL, or: alter role … createdb"
        ) from error
    except psycopg.Error as error:
        raise BackupError(
            f"A database for the backup cannot be made: {first_line(error)}"
        ) from error


_ALL = ("libc", "icu", "builtin")
_OPTIONS = {
    "encoding": dict.fromkeys(_ALL, "encoding"),
    "locale_provider": dict.fromkeys(_ALL, "locale_provider"),
    "lc_collate": dict.fromkeys(_ALL, "lc_collate"),
    "lc_ctype": dict.fromkeys(_ALL, "lc_ctype"),
    "locale": {"icu": "icu_locale", "builtin": "builtin_locale"},
}


def drop_database(server: Server, name: str) -> None:
    """Drop a database, whoever is connected to it. Raises ``BackupError`` when it stays."""
    statement = sql.SQL("drop database if exists {} with (force)")
    try:
        with _on_server(server) as connection:
            connection.execute(statement.format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise BackupError(f"The database {name} cannot be dropped: {first_line(error)}") from error


def left_over(server: Server, purpose: str) -> list[str]:
    """Return databases that a killed drill or restore of this database left behind."""
    ours = re.compile(re.escape(beginning(server.database)) + f"_{purpose}_[0-9a-f]{{8}}")
    with _on_server(server) as connection:
        found = connection.execute(
            "select datname from pg_database where not exists "
            "(select from pg_stat_activity as a where a.datname = pg_database.datname)"
        )
        return [name for (name,) in found if ours.fullmatch(name)]


def exists(server: Server) -> bool:
    """Tell whether the server has the database."""
    with _on_server(server) as connection:
        query = "select from pg_database where datname = %s"
        return connection.execute(query, [server.database]).rowcount == 1


def is_empty(server: Server) -> bool:
    """Tell whether the database is missing, or holds nothing."""
    if not exists(server):
        return True
    with server.connect() as connection:
        return contents.is_empty(connection)


def swap(server: Server, fresh: str, *, aside: str) -> None:
    """Put ``fresh`` in the place of the server's database, in one moment.

    What was there keeps existing under the name ``aside``. Everybody is disconnected.
    """
    old = server.database
    with _on_server(server) as connection:
        try:
            _close(connection, [old, fresh], open_=False)
            with connection.transaction():
                rename = sql.SQL("alter database {} rename to {}")
                if exists(server):
                    connection.execute(rename.format(sql.Identifier(old), sql.Identifier(aside)))
                connection.execute(rename.format(sql.Identifier(fresh), sql.Identifier(old)))
        except psycopg.Error as error:
            raise BackupError(f"The databases cannot be exchanged: {first_line(error)}") from error
        finally:
            _close(connection, [old, fresh, aside], open_=True)


def _close(connection: psycopg.Connection[Any], names: list[str], *, open_: bool) -> None:
    known = connection.execute("select datname from pg_database where datname = any(%s)", [names])
    for (name,) in known.fetchall():
        connection.execute(
            sql.SQL("alter database {} with allow_connections {}").format(
                sql.Identifier(name), sql.Literal(open_)
            )
        )
        if not open_:
            connection.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s",
                [name],
            )


def first_line(error: psycopg.Error) -> str:
    """Return what PostgreSQL said first; the rest is of no use to a reader."""
    return str(error).strip().partition("\n")[0]
