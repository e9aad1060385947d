"""The embedded PostgreSQL: made once, started when nobody answers, stopped with the last user.

Whether it lives is decided by asking its socket and by the lock that its processes hold, never
by ``postmaster.pid`` alone: that file survives ``kill -9`` and its pid may be anybody's by then.
"""

import os
import re
import signal
from enum import Enum
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from crm_project.embedded import locks, postgres_cluster, processes
from crm_project.embedded.binaries import postgres_programs
from crm_project.embedded.errors import EmbeddedError
from crm_project.embedded.layout import PORT, Layout
from crm_project.embedded.postgres_cluster import USER, log_tail

DATABASE = "crm"
RECOVERY_SECONDS = 300
"""A server that was killed replays its log first; with 4 GB of it this takes minutes at worst."""

LAUNCH_SECONDS = 2
"""From the start script's end until the server's process can be seen."""

ORPHAN_SECONDS = 2
"""How long sessions of a killed server have to end by themselves; idle ones do so at once."""

STOP_SECONDS = 60
ATTEMPTS = 3


class State(Enum):
    """What the server's socket says."""

    READY = "ready"
    BUSY = "starting, recovering or stopping"
    SILENT = "not running"


def connection_string(layout: Layout, database: str) -> str:
    return make_conninfo(
        "",
        host=str(layout.sockets),
        port=PORT,
        dbname=database,
        user=USER,
        connect_timeout=2,
        application_name="crm embedded",
    )


def state(layout: Layout) -> State:
    """Ask the socket, without logging in."""
    answer = PGconn.ping(connection_string(layout, "postgres").encode())
    if answer == Ping.OK:
        return State.READY
    return State.BUSY if answer == Ping.REJECT else State.SILENT


def postmaster_pid(layout: Layout) -> int | None:
    """Return the pid of this home's main server process if it lives."""
    wanted = f" -D {layout.postgres_data} "
    for pid, line in processes.command_lines().items():
        program, found, _ = f"{line} ".partition(wanted)
        if found and program.endswith("/postgres"):
            return pid
    return None


def children(layout: Layout) -> list[int]:
    """Return pids of server processes that carry this home's name in their title."""
    title = f"postgres: {postgres_cluster.name(layout)}: "
    return [p for p, line in processes.command_lines().items() if f"{line} ".startswith(title)]


def ensure(layout: Layout) -> None:
    """Start the server unless it runs; create the data and the database where they are missing.

    Raises ``EmbeddedError`` with the end of the server's log when it does not come up.
    """
    if not postgres_cluster.exists(layout):
        _end_forgotten(layout)
    postgres_cluster.prepare(layout)
    for _ in range(ATTEMPTS):
        if _becomes_ready(layout):
            break
        _clear_remains(layout)
        _launch(layout)
    else:
        if not _becomes_ready(layout):
            message = f"PostgreSQL did not start. {log_tail(layout)}"
            raise EmbeddedError(message)
    _create_database(layout)


def _end_forgotten(layout: Layout) -> None:
    """Stop a server that still runs although its home was removed, and its lock with it."""
    if pid := postmaster_pid(layout):
        processes.send([pid], signal.SIGQUIT)
        locks.wait_until(lambda: postmaster_pid(layout) is None, seconds=STOP_SECONDS)


def _becomes_ready(layout: Layout) -> bool:
    """Wait while there is a server to wait for; False when there is none."""

    def settled() -> bool:
        now = state(layout)
        return now is State.READY or (
            now is State.SILENT and not locks.is_held(layout.postgres_lock)
        )

    if not locks.wait_until(settled, seconds=LAUNCH_SECONDS) and postmaster_pid(layout):
        locks.wait_until(settled, seconds=RECOVERY_SECONDS)
    return state(layout) is State.READY


def _clear_remains(layout: Layout) -> None:
    """Remove what a killed server left: sessions without a master, its pid files and sockets."""

    def gone() -> bool:
        return not locks.is_held(layout.postgres_lock)

    if pid := postmaster_pid(layout):
        message = f"PostgreSQL (process {pid}) does not answer. End it with: kill -QUIT {pid}"
        raise EmbeddedError(message)
    # A session in the middle of a long statement does not notice that its master is gone.
    for number in (None, signal.SIGQUIT, signal.SIGKILL):
        if number is not None:
            processes.send(children(layout), number)
        if locks.wait_until(gone, seconds=ORPHAN_SECONDS):
            break
    else:
        message = f"Sessions of a killed PostgreSQL still run: {children(layout)}. End them."
        raise EmbeddedError(message)
    socket = layout.sockets / f".s.PGSQL.{PORT}"
    for stale in (
        layout.postgres_data / "postmaster.pid",
        socket,
        socket.with_name(f"{socket.name}.lock"),
    ):
        stale.unlink(missing_ok=True)


def _launch(layout: Layout) -> None:
    """Start the server in the background; it inherits, and so holds, its own lock."""
    postgres_cluster.write_settings(layout)
    log = layout.postgres_log / "start.log"
    programs = postgres_programs(layout.account)
    data = layout.postgres_data
    held = locks.shared(layout.postgres_lock)
    try:
        command: list[str | Path] = [
            programs / "pg_ctl",
            "start",
            "-s",
            "-W",
            "-D",
            data,
            "-l",
            log,
        ]
        ended = processes.run(command, account=layout.account, keep=[held])
    finally:
        os.close(held)
    if ended.code:
        message = f"pg_ctl could not start PostgreSQL: {ended.output}"
        raise EmbeddedError(message)


def _create_database(layout: Layout) -> None:
    with psycopg.connect(connection_string(layout, "postgres"), autocommit=True) as connection:
        query = "select 1 from pg_database where datname = %s"
        if connection.execute(query, [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def stop(layout: Layout) -> bool:
    """Stop the server cleanly: sessions are closed, everything is written. True when it is down.

    Starts no program, so it works while the interpreter is shutting down.
    """
    if (pid := postmaster_pid(layout)) is not None:
        processes.send([pid], signal.SIGINT)
    return locks.wait_until(
        lambda: not locks.is_held(layout.postgres_lock), seconds=STOP_SECONDS if pid else 0
    )


def version(layout: Layout) -> str:
    """Return the running server's version, such as ``18.6``."""
    with psycopg.connect(connection_string(layout, "postgres")) as connection:
        return re.split(r"\s", connection.info.parameter_status("server_version") or "")[0]
