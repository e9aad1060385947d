"""Making a backup: one snapshot for the dump, the counts and the checksums."""

import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, LiteralString, cast

import psycopg
from psycopg import sql

from crm_project.backup import contents
from crm_project.backup.errors import BackupError, TargetError, TargetFullError
from crm_project.backup.manifest import Contents, Manifest
from crm_project.backup.packing import Keys, Packed, pack
from crm_project.backup.server import LOCK_SECONDS, WATCH_SECONDS, Programs, Server, failure
from crm_project.backup.targets import Target, writing

ATTEMPTS = 3
"""A table may be dropped between looking and locking; then it is looked again."""

FIRST_SHARE = 0.3
"""Of a database's size: about what a packed dump of one may take (indexes are not in it)."""

SPARE = 1.25

Told = Callable[[int, int | None, str], None]
"""Is told bytes done, bytes in all if known, and what is done; may raise to end the work."""

_FACTS: LiteralString = """
    select
        now(), pg_database_size(d.oid), current_setting('server_version'),
        pg_encoding_to_char(d.encoding), d.datlocprovider, d.datcollate, d.datctype, d.datlocale
    from pg_database as d
    where d.datname = current_database()
"""
_ROLES: LiteralString = """
    select distinct r.rolname
    from pg_shdepend as s
    inner join pg_roles as r on r.oid = s.refobjid
    where s.dbid = (select oid from pg_database where datname = current_database())
        and s.refclassid = 'pg_authid'::regclass and s.deptype in ('o', 'a', 'r')
        and r.rolname !~ '^pg_'
"""
_MIGRATIONS: LiteralString = "select app, max(name) from public.django_migrations group by app"
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the manifest says of the database as a whole."""

    at: datetime
    size: int
    versions: dict[str, str]
    locale: dict[str, str]
    roles: list[str]
    migrations: dict[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A transaction that sees one moment; others may look at the same one by its id."""

    connection: psycopg.Connection[Any]
    id: str


def make(
    *,
    server: Server,
    target: Target,
    programs: Programs,
    keys: Keys,
    prefix: str,
    expected_bytes: int | None = None,
    expected_dump: int | None = None,
    told: Told = lambda done, total, words: None,
) -> Manifest:
    """Make a backup and return its manifest, which lies beside it then.

    Args:
        prefix: what the name begins with.
        expected_bytes: about how large the file will be, as far as the last one tells.
        expected_dump: the same of the dump inside, for the progress.

    Raises ``BackupError``; then nothing of the backup is left at the target, but for what it locks.
    """
    began = time.monotonic()
    addressees = keys.addressees()
    with _said_by_the_database(), _snapshot(server) as snapshot:
        facts = _facts(snapshot.connection)
        _check(target, programs, facts, expected_bytes)
        name = f"{prefix}-{facts.at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        file = f"{name}.dump.zst{'.age' if addressees else ''}"
        with writing(target, file) as upload, ThreadPoolExecutor(1) as beside:
            measured = beside.submit(contents.measure, snapshot.connection)
            try:
                with _dump(server, programs, snapshot.id) as stream:
                    packed = pack(
                        stream,
                        upload,
                        addressees,
                        lambda done: told(done, expected_dump, "Dumping the database"),
                    )
                while not measured.done():
                    told(packed.dump_bytes, packed.dump_bytes, "Counting rows")
                    wait([measured], timeout=WATCH_SECONDS)
                found = measured.result()
            except BaseException:
                # Or the end of the block would wait until every table has been read.
                snapshot.connection.cancel_safe(timeout=5)
                raise
    manifest = _manifest(name, file, server, programs, keys, facts, packed, found, began)
    _seal(target, manifest)
    return manifest


def _seal(target: Target, manifest: Manifest) -> None:
    """Write the manifest; where that fails the dump is none either.

    A bucket that has locked the dump keeps it until its lock is over; then a sweep removes it.
    """
    try:
        with writing(target, manifest.key) as upload:
            upload.write(manifest.to_bytes())
    except BaseException:
        # What kept the manifest from being written is told, and not this.
        with suppress(TargetError):
            target.delete(manifest.file)
        raise


def _manifest(
    name: str,
    file: str,
    server: Server,
    programs: Programs,
    keys: Keys,
    facts: Facts,
    packed: Packed,
    found: Contents,
    began: float,
) -> Manifest:
    return Manifest(
        name=name,
        created_at=facts.at,
        database=server.database,
        database_bytes=facts.size,
        file=file,
        file_bytes=packed.file_bytes,
        dump_bytes=packed.dump_bytes,
        sha256=packed.sha256,
        recipients=keys.public(),
        locale=facts.locale,
        roles=facts.roles,
        versions={**facts.versions, "pg_dump": programs.version},
        migrations=facts.migrations,
        seconds=round(time.monotonic() - began, 1),
        contents=found,
    )


@contextmanager
def _said_by_the_database() -> Iterator[None]:
    """Let what PostgreSQL itself refuses be one of our errors."""
    try:
        yield
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise BackupError(f"The database ended the backup: {reason}") from error


@contextmanager
def _snapshot(server: Server) -> Iterator[Snapshot]:
    """Hold one moment, with every table locked against being dropped meanwhile.

    Raises ``BackupError`` when tables keep vanishing, or one stays locked for too long.
    """
    with server.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for _ in range(ATTEMPTS):
            names = contents.tables(connection)
            connection.rollback()
            try:
                _lock(connection, names)
                break
            except psycopg.errors.UndefinedTable:
                connection.rollback()
            except psycopg.errors.LockNotAvailable as error:
                raise BackupError(
                    f"A table stayed locked for more than {LOCK_SECONDS} seconds, perhaps by a "
                    "migration. Try again when it is done."
                ) from error
        else:
            raise BackupError("Tables are being dropped all the time. Try again later.")
        row = connection.execute("select pg_export_snapshot()").fetchone()
        yield Snapshot(connection, row[0] if row else "")
        connection.rollback()


def _lock(connection: psycopg.Connection[Any], names: list[tuple[str, str]]) -> None:
    """Lock before anything is read: the snapshot is of a moment when all of them were there."""
    listed = sql.SQL(", ").join(sql.SQL("only ") + sql.Identifier(*name) for name in names)
    if names:
        connection.execute(sql.SQL("lock table {} in access share mode").format(listed))


def _facts(connection: psycopg.Connection[Any]) -> Facts:
    row = connection.execute(_FACTS).fetchone()
    at, size, version, encoding, provider, collate, ctype, locale = cast("tuple[Any, ...]", row)
    extensions = connection.execute("select extname, extversion from pg_extension").fetchall()
    has_migrations = connection.execute("select to_regclass('public.django_migrations')").fetchone()
    return Facts(
        at=at,
        size=size,
        versions={"server": version, **dict(extensions)},
        locale={
            "encoding": encoding,
            "locale_provider": _PROVIDERS[provider],
            "lc_collate": collate,
            "lc_ctype": ctype,
            **({"locale": locale} if locale else {}),
        },
        roles=[role for (role,) in connection.execute(_ROLES)],
        migrations=(
            dict(connection.execute(_MIGRATIONS).fetchall())
            if has_migrations and has_migrations[0]
            else {}
        ),
    )


def _check(target: Target, programs: Programs, facts: Facts, expected: int | None) -> None:
    """Refuse what cannot end well before anything is written."""
    major = int(facts.versions["server"].partition(".")[0])
    if programs.major < major:
        raise BackupError(
            f"pg_dump {programs.version} cannot read PostgreSQL {major}. Install "
            f"postgresql-client-{major}, or name its folder in CRM_PG_BIN."
        )
    free = target.free_bytes()
    needed = int((expected or facts.size * FIRST_SHARE) * SPARE)
    if free is not None and free < needed:
        raise TargetFullError(
            f"There is not enough room in {target.words}: {_mb(free)} are free, and the backup "
            f"may need {_mb(needed)}. Nothing was written."
        )


def _mb(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"


@contextmanager
def _dump(server: Server, programs: Programs, snapshot: str) -> Iterator[IO[bytes]]:
    """Run ``pg_dump`` and give its output. Its failure is an error here, at the end."""
    command = [
        programs.path("pg_dump"),
        "--format=custom",
        "--compress=none",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={LOCK_SECONDS * 1000}",
        "--no-password",
        f"--dbname={server.conninfo()}",
    ]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - a fixed program, no shell
            command,
            env=server.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        try:
            yield cast("IO[bytes]", process.stdout)
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            cast("IO[bytes]", process.stdout).close()
            process.wait()
        if code:
            said.seek(0)
            raise failure("The dump failed", said.read().decode(errors="replace"))
