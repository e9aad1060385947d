"""The embedded Valkey: every acknowledged write is on disk, and a killed server starts again."""

import os
import signal
import socket
from pathlib import Path

from crm_project.embedded import locks, processes
from crm_project.embedded.account import make_folder, private_folder
from crm_project.embedded.binaries import valkey_program
from crm_project.embedded.errors import EmbeddedError
from crm_project.embedded.layout import Layout

START_SECONDS = 10
LOAD_SECONDS = 300
"""Reading a large append-only file takes its time; the server answers LOADING meanwhile."""

STOP_SECONDS = 30
ATTEMPTS = 2
LARGE_LOG = 10 * 1024 * 1024


def exists(layout: Layout) -> bool:
    return (layout.valkey_data / "appendonlydir").exists()


def answer(layout: Layout, command: bytes = b"PING") -> bytes:
    """Send one command and return the first line of the reply; empty when nobody is there."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(layout.valkey_socket))
            client.sendall(command + b"\r\n")
            return client.recv(4096).partition(b"\r\n")[0]
        except OSError:
            return b""


def is_ready(layout: Layout) -> bool:
    return answer(layout) == b"+PONG"


def ensure(layout: Layout) -> None:
    """Start the server unless it runs.

    Raises ``EmbeddedError`` with the end of its log when it does not come up.
    """
    if not exists(layout):
        _end(layout)  # one that still runs although its home was removed
    _prepare(layout)
    for _ in range(ATTEMPTS):
        if _becomes_ready(layout):
            return
        _end(layout)
        _launch(layout)
    if not _becomes_ready(layout):
        raise EmbeddedError(_failure(layout))


def _held(layout: Layout) -> bool:
    return locks.is_held(layout.valkey_lock)


def _becomes_ready(layout: Layout) -> bool:
    """Wait while there is a server to wait for."""

    def settled() -> bool:
        return is_ready(layout) or not _held(layout)

    if not locks.wait_until(settled, seconds=START_SECONDS) and answer(layout):
        locks.wait_until(settled, seconds=LOAD_SECONDS)
    return is_ready(layout)


def _prepare(layout: Layout) -> None:
    make_folder(layout.home / "log", mode=layout.folder_mode)
    private_folder(layout.sockets, layout.account)
    private_folder(layout.valkey_data, None)


def _configuration_file(layout: Layout) -> Path:
    return layout.valkey_data / "valkey.conf"


def _configuration(layout: Layout) -> str:
    return f"""\
# Generated at each start; changes here are lost.
port 0
unixsocket "{layout.valkey_socket}"
unixsocketperm 700
dir "{layout.valkey_data}"
pidfile "{layout.valkey_data}/valkey.pid"
logfile "{layout.valkey_log}"
daemonize yes
# The command line stays as it was, so that the process can be found by this file's name.
set-proc-title no
appendonly yes
# With "everysec" a power cut takes writes that were acknowledged.
appendfsync always
# A killed server leaves half a command at the end of the file.
aof-load-truncated yes
save ""
maxmemory-policy noeviction
"""


def _launch(layout: Layout) -> None:
    """Start the server in the background; it inherits, and so holds, its own lock."""
    configuration = _configuration_file(layout)
    configuration.write_text(_configuration(layout))
    log = layout.valkey_log
    if log.exists() and log.stat().st_size > LARGE_LOG:
        log.replace(log.with_suffix(".log.1"))
    held = locks.shared(layout.valkey_lock)
    try:
        ended = processes.run([valkey_program(), configuration], keep=[held])
    finally:
        os.close(held)
    if ended.code:
        message = f"Valkey could not be started: {ended.output}"
        raise EmbeddedError(message)


def pids(layout: Layout) -> list[int]:
    ending = f"valkey-server {_configuration_file(layout)}"
    return [pid for pid, line in processes.command_lines().items() if line.endswith(ending)]


def _end(layout: Layout) -> None:
    """Kill what does not answer: a server that hangs, or the rewriting child of a killed one.

    Nothing is lost: what was acknowledged is on disk already.
    """
    if alive := pids(layout):
        processes.send(alive, signal.SIGKILL)
        locks.wait_until(lambda: not pids(layout), seconds=STOP_SECONDS)


def _failure(layout: Layout) -> str:
    log = layout.valkey_log
    tail = "\n".join(log.read_text().splitlines()[-8:]) if log.exists() else "(no log)"
    return f"Valkey did not start. The end of {log}:\n{tail}"


def stop(layout: Layout) -> bool:
    """Stop the server; its append-only file is complete then. True when it is down."""
    alive = pids(layout)
    processes.send(alive, signal.SIGTERM)
    return locks.wait_until(lambda: not _held(layout), seconds=STOP_SECONDS if alive else 0)
