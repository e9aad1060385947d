"""Bringing a backup back: into a database of its own, compared, and only then in its place."""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import psycopg
from psycopg import sql

from crm_project.backup import contents
from crm_project.backup.errors import BackupError, DamagedError
from crm_project.backup.making import Told
from crm_project.backup.manifest import Manifest, differences
from crm_project.backup.packing import Keys, unpack
from crm_project.backup.server import Programs, Server, run
from crm_project.backup.targets import Target

SPARE = 1.1


@dataclass(frozen=True, slots=True)
class Restored:
    """A database made from a backup, and how it compares with its manifest."""

    database: str
    fetch_seconds: float
    restore_seconds: float
    compare_seconds: float
    tables: int
    rows: int
    differences: list[str]
    notes: list[str]

    @property
    def seconds(self) -> float:
        return round(self.fetch_seconds + self.restore_seconds + self.compare_seconds, 1)


@contextmanager
def fetched(
    target: Target, manifest: Manifest, keys: Keys, work_folder: str, told: Told
) -> Iterator[BinaryIO]:
    """Give the dump as a file that nobody else can open and that goes with this process.

    Raises ``BackupError`` where it is damaged, the key is not the right one, or there is no room.
    """
    folder = Path(work_folder or tempfile.gettempdir())
    told(0, None, "Fetching and checking the file")
    try:
        _room(folder, manifest)
        spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
    except OSError as error:
        raise _not_here(folder, error) from error
    with spool:
        try:
            with target.read(manifest.file) as stream:
                size = unpack(
                    stream,
                    cast("BinaryIO", spool),
                    sha256=manifest.sha256,
                    encrypted=manifest.encrypted,
                    keys=keys,
                )
            spool.flush()
        except OSError as error:
            raise _not_here(folder, error) from error
        if size != manifest.dump_bytes:
            raise DamagedError(f"The dump has {size} bytes, not {manifest.dump_bytes}.")
        yield cast("BinaryIO", spool)


def _not_here(folder: Path, error: OSError) -> BackupError:
    return BackupError(
        f"The dump cannot be unpacked in {folder}: {error.strerror}. "
        "CRM_BACKUP_WORK_DIR may name another folder."
    )


def _room(folder: Path, manifest: Manifest) -> None:
    status = os.statvfs(folder)
    free, needed = status.f_bavail * status.f_frsize, int(manifest.dump_bytes * SPARE)
    if free < needed:
        raise BackupError(
            f"Unpacking needs {needed / 1024**2:,.0f} MiB in {folder}, and "
            f"{free / 1024**2:,.0f} MiB are free. CRM_BACKUP_WORK_DIR may name another folder."
        )


def restore(
    *,
    manifest: Manifest,
    dump: BinaryIO,
    server: Server,
    programs: Programs,
    database: str,
    jobs: int,
    fetch_seconds: float = 0.0,
    told: Told = lambda done, total, words: None,
) -> Restored:
    """Make a new database from a dump and compare it with the manifest.

    Raises ``BackupError``; the new database is gone then.
    """
    began = time.monotonic()
    notes: list[str] = []
    told(0, None, "Restoring into a database of its own")
    create_database(server, database, manifest)
    try:
        _fill(manifest, dump, server.at(database), programs, jobs, notes)
        filled = time.monotonic()
        with server.at(database).connect() as connection:
            found = contents.measure(
                connection, lambda done, total, name: told(done, total, f"Comparing {name}")
            )
    except psycopg.Error as error:
        drop_database(server, database)
        raise BackupError(f"The restored database cannot be read: {_first(error)}") from error
    except BaseException:
        drop_database(server, database)
        raise
    return Restored(
        database=database,
        fetch_seconds=fetch_seconds,
        restore_seconds=filled - began,
        compare_seconds=time.monotonic() - filled,
        tables=len(found.tables),
        rows=found.rows,
        differences=differences(manifest.contents, found),
        notes=notes,
    )


def _fill(
    manifest: Manifest,
    dump: BinaryIO,
    server: Server,
    programs: Programs,
    jobs: int,
    notes: list[str],
) -> None:
    # Each worker of pg_restore opens the file anew; it has no other name than this.
    path = f"/proc/self/fd/{dump.fileno()}"
    restoring = [programs.path("pg_restore"), "--exit-on-error", "--no-owner", "--no-password"]
    if missing := missing_roles(server, manifest):
        restoring.append("--no-privileges")
        notes.append(
            f"Rights were left out: this server has no role {', '.join(missing)}. "
            "Run manage.py apply_roles."
        )
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write(_contents_list(path, server, programs, dump.fileno()))
        chosen.flush()
        run(
            [*restoring, f"--jobs={jobs}", f"--use-list={chosen.name}",
             f"--dbname={server.conninfo()}", path],
            server,
            keep=[dump.fileno()],
            words="The restore failed",
        )  # fmt: skip


def _contents_list(path: str, server: Server, programs: Programs, descriptor: int) -> str:
    """Return what to restore: all but comments on extensions, which only their owner may set."""
    listed = run(
        [programs.path("pg_restore"), "--list", path],
        server,
        keep=[descriptor],
        words="The dump cannot be read",
    )
    return "\n".join(line for line in listed.splitlines() if " COMMENT - EXTENSION " not in line)


def missing_roles(server: Server, manifest: Manifest) -> list[str]:
    """Return the roles of a backup that a server does not have."""
    with server.connect() as connection:
        known = {name for (name,) in connection.execute("select rolname from pg_roles")}
    return sorted(set(manifest.roles) - known)


# --- Databases ------------------------------------------------------------------------------


def new_name(base: str, purpose: str) -> str:
    """Return a name for a new database that tells whose it is: ``crm_drill_1a2b3c4d``."""
    return f"{base[:40]}_{purpose}_{secrets.token_hex(4)}"


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
        raise BackupError(f"A database for the backup cannot be made: {_first(error)}") from error


_ALL = ("libc", "icu", "builtin")
_OPTIONS = {
    "encoding": dict.fromkeys(_ALL, "encoding"),
    "locale_provider": dict.fromkeys(_ALL, "locale_provider"),
    "lc_collate": dict.fromkeys(_ALL, "lc_collate"),
    "lc_ctype": dict.fromkeys(_ALL, "lc_ctype"),
    "locale": {"icu": "icu_locale", "builtin": "builtin_locale"},
}


def drop_database(server: Server, name: str) -> None:
    """Drop a database, whoever is connected to it."""
    with _on_server(server) as connection:
        statement = sql.SQL("drop database if exists {} with (force)")
        connection.execute(statement.format(sql.Identifier(name)))


def left_over(server: Server, purpose: str) -> list[str]:
    """Return databases that a killed drill or restore of this database left behind."""
    pattern = f"^{server.database[:40]}_{purpose}_[0-9a-f]{{8}}$"
    with _on_server(server) as connection:
        found = connection.execute(
            "select datname from pg_database where datname ~ %s and not exists "
            "(select from pg_stat_activity as a where a.datname = pg_database.datname)",
            [pattern],
        )
        return [name for (name,) in found]


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
            raise BackupError(f"The databases cannot be exchanged: {_first(error)}") from error
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


def _first(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
