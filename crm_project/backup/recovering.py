"""A server of its own, made from a base backup and the archived log, for looking at and no more."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from crm_project.backup.errors import BackupError
from crm_project.backup.log_archive import Archive, Base, Watch
from crm_project.backup.scratch import owned, scratch
from crm_project.backup.server import WATCH_SECONDS, Server, as_account, run_apart
from crm_project.embedded.account import Account

SPARE = 1.2
SHORT_OF = 512 * 1024 * 1024
"""Room for the log while it is followed, besides the base backup."""

# What a standby may have no less of than its primary had: the control file remembers.
_FROM_CONTROL = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}


@dataclass(frozen=True, slots=True)
class Recovered:
    """A server that followed the log to its end, and how long both parts took, in seconds."""

    server: Server
    fetch_seconds: float
    recovery_seconds: float


@contextmanager
def recovered(
    *,
    archive: Archive,
    base: Base,
    live: Server,
    programs: Path,
    work_folder: str,
    account: Account | None,
    watch: Watch,
) -> Iterator[Recovered]:
    """Fetch a base backup, follow the log to its end, and give the server; then all of it is gone.

    It listens on a socket in a folder of its own, and archives nothing. What happened to the live
    server's settings does not matter: it has none of them.

    Args:
        live: whose database and login are used here, too.
        programs: the folder of ``postgres``, of the archive's major version.
        account: who runs it where we are root, whom PostgreSQL refuses.

    Raises ``BackupError`` when it does not come so far.
    """
    parent = work_folder or tempfile.gettempdir()
    # Names of sockets must be short: not below the other folder.
    with scratch(parent, account) as folder, scratch(tempfile.gettempdir(), account) as sockets:
        _room(folder, base)
        data = owned(folder / "data", account)
        began = time.monotonic()
        archive.fetch(base, data, account, watch)
        fetched = time.monotonic()
        environment = {**archive.environment(), "PGDATA": str(data)}
        _configure(folder, data, sockets, archive, _control(programs, data, environment, account))
        with _running(programs, folder, data, environment, account) as process:
            parameters = {"host": str(sockets), "port": "5432", "user": live.parameters["user"]}
            server = Server(live.database, parameters)
            _wait(server, process, folder, watch)
            yield Recovered(server, fetched - began, time.monotonic() - fetched)


def _room(folder: Path, base: Base) -> None:
    free, needed = shutil.disk_usage(folder).free, int(base.size * SPARE) + SHORT_OF
    if free < needed:
        raise BackupError(
            f"The base backup needs {needed / 1024**2:,.0f} MiB in {folder.parent}, and "
            f"{free / 1024**2:,.0f} MiB are free. CRM_BACKUP_WORK_DIR may name another folder."
        )


def _control(
    programs: Path, data: Path, environment: Mapping[str, str], account: Account | None
) -> dict[str, str]:
    """Return the settings that the server which was backed up had, as far as they must be met."""
    try:
        told = run_apart(
            [str(programs / "pg_controldata"), str(data)],
            environment=environment,
            words="The base backup cannot be read",
            account=account,
        )
    except OSError as error:
        raise BackupError(
            f"{programs / 'pg_controldata'} cannot be run: {error.strerror}. Install PostgreSQL's "
            "server programs, or name their folder in CRM_PG_BIN."
        ) from error
    found = dict(re.findall(r"^(\w+) setting: +(\d+)$", told, re.MULTILINE))
    return {ours: found[theirs] for theirs, ours in _FROM_CONTROL.items() if theirs in found}


def _configure(
    folder: Path, data: Path, sockets: Path, archive: Archive, needed: Mapping[str, str]
) -> None:
    lines = {
        **needed,
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "hba_file": str(folder / "hba.conf"),
        "ident_file": str(folder / "ident.conf"),
        "restore_command": archive.restore_command(),
        "recovery_target_action": "promote",
        # It must never send anything where its model sends its log.
        "archive_mode": "off",
        "shared_preload_libraries": "",
        "shared_buffers": "128MB",
        "ssl": "off",
        "fsync": "off",
        "autovacuum": "off",
        "jit": "off",
        "logging_collector": "off",
        "timezone": "UTC",
    }
    quoted = {name: value.replace("'", "''") for name, value in lines.items()}
    text = "".join(f"{name} = '{value}'\n" for name, value in quoted.items())
    (folder / "postgresql.conf").write_text(text)
    # Nobody else can enter the socket's folder.
    (folder / "hba.conf").write_text("local all all trust\n")
    (folder / "ident.conf").write_text("")
    for name in ("postgresql.conf", "hba.conf", "ident.conf"):
        (folder / name).chmod(0o644)
    # What was set by ALTER SYSTEM would win over all of this.
    for name in ("postgresql.auto.conf", "standby.signal", "postmaster.pid"):
        (data / name).unlink(missing_ok=True)
    (data / "recovery.signal").touch()


@contextmanager
def _running(
    programs: Path,
    folder: Path,
    data: Path,
    environment: Mapping[str, str],
    account: Account | None,
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a fixed program, no shell
            [str(programs / "postgres"), "-D", str(data), "-c",
             f"config_file={folder / 'postgresql.conf'}"],
            cwd="/",
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **as_account(account),
        )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server at once: nothing of it is wanted any more. Its children notice that."""
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes], folder: Path, watch: Watch) -> None:
    """Wait until the log was followed to its end. Whoever watches may end it sooner."""
    while True:
        watch()
        if process.poll() is not None:
            raise BackupError(f"The log could not be followed: {_last_words(folder / 'log')}")
        try:
            with server.at("postgres").connect() as session:
                row = session.execute("select pg_is_in_recovery()").fetchone()
        except BackupError:
            row = None  # not yet
        if row and not row[0]:
            return
        time.sleep(WATCH_SECONDS)


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    fatal = [line.partition("FATAL:")[2] for line in lines if "FATAL:" in line]
    return (fatal or lines or ["it said nothing"])[-1].strip()[:300]


def newest_change(session: psycopg.Connection[Any]) -> Any:
    """Return when the last transaction was committed that the archived log held; None: none was."""
    row = session.execute("select pg_last_xact_replay_timestamp()").fetchone()
    return row and row[0]
