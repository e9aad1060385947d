"""Bringing a backup back: into a database of its own, compared, and only then in its place."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import psycopg

from crm_project.backup import contents
from crm_project.backup.databases import create_database, drop_database, first_line
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
        watch = partial(told, 0, None, "Restoring into a database of its own")
        _fill(manifest, dump, server.at(database), programs, jobs, notes, watch)
        filled = time.monotonic()
        with server.at(database).connect() as connection:
            found = contents.measure(
                connection, lambda done, total, name: told(done, total, f"Comparing {name}")
            )
            missing = _extensions(connection, manifest, notes)
    except psycopg.Error as error:
        drop_database(server, database)
        raise BackupError(f"The restored database cannot be read: {first_line(error)}") from error
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
        differences=differences(manifest.contents, found) + missing,
        notes=notes,
    )


def _extensions(
    connection: psycopg.Connection[Any], manifest: Manifest, notes: list[str]
) -> list[str]:
    """Return in words which extensions are missing; other versions of them are only noted.

    A dump names no versions: a newer server restores with its own, and must be free to.
    """
    here = dict(connection.execute("select extname, extversion from pg_extension").fetchall())
    there = {name: v for name, v in manifest.versions.items() if name not in {"server", "pg_dump"}}
    notes += [
        f"Extension {name} is {here[name]} here, and was {version} in the backup."
        for name, version in sorted(there.items())
        if here.get(name, version) != version
    ]
    return [f"Extension {name} is missing." for name in sorted(there.keys() - here)]


def _fill(
    manifest: Manifest,
    dump: BinaryIO,
    server: Server,
    programs: Programs,
    jobs: int,
    notes: list[str],
    watch: Callable[[], None],
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
            watch=watch,
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
