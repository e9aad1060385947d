"""Sharing the embedded servers: the first user starts them, the last one stops them.

Every process that uses them holds a shared lock on ``lease.lock``. Starting, stopping, and
taking a lease happen under ``start.lock``, one process at a time. Who can have the lease alone
knows that nobody else is left. The kernel drops the lock of a killed process, so nothing has to
be cleaned up after it; the servers then run on until the next user leaves.
"""

import atexit
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crm_project.embedded import locks, postgres, postgres_cluster, valkey
from crm_project.embedded.account import make_folder
from crm_project.embedded.errors import EmbeddedError, EmbeddedRefused
from crm_project.embedded.layout import PORT, Layout, crm_home

START_SECONDS = postgres.RECOVERY_SECONDS + 30
"""How long to wait for another process that is starting the servers."""

LEAVE_SECONDS = postgres.STOP_SECONDS + 30


@dataclass(frozen=True, slots=True)
class _Lease:
    """This process's share; a forked child has a copy of the object but no share."""

    descriptor: int
    pid: int


_leases: dict[Path, _Lease] = {}


@dataclass(frozen=True, slots=True)
class Status:
    """What runs under one home."""

    home: Path
    postgres: str
    valkey: str


def database_config() -> dict[str, object]:
    """Return the parts of Django's DATABASES entry that lead to the embedded PostgreSQL.

    Known from ``CRM_HOME`` alone: nothing is started or created.
    """
    return {
        "NAME": postgres.DATABASE,
        "USER": postgres_cluster.USER,
        "PASSWORD": "",
        "HOST": str(Layout.of(crm_home()).sockets),
        "PORT": str(PORT),
    }


def redis_url(db: int = 0) -> str:
    """Return the address of the embedded Valkey as redis-py reads it."""
    return f"unix://{Layout.of(crm_home()).valkey_socket}?db={db}"


def celery_broker_url() -> str:
    """Return the address of the embedded Valkey as Celery's transport (kombu) reads it."""
    return f"redis+socket://{Layout.of(crm_home()).valkey_socket}?virtual_host=0"


def needed(environ: Mapping[str, str] | None = None) -> tuple[bool, bool]:
    """Tell which embedded servers the environment leaves to us: (PostgreSQL, Valkey).

    Raises ``EmbeddedRefused`` in production, naming the variables that are missing.
    """
    environ = os.environ if environ is None else environ

    def missing(variable: str) -> bool:
        return not (environ.get(variable) or environ.get(f"{variable}_FILE"))

    without = [variable for variable in ("DATABASE_URL", "REDIS_URL") if missing(variable)]
    if "DATABASE_URL" in without and not missing("POSTGRES_HOST"):
        without.remove("DATABASE_URL")
    if without and environ.get("CRM_ENV") == "production":
        message = (
            "CRM_ENV=production does not use the embedded servers, which are for development, "
            f"the demo and tests. Set {' and '.join(without)}."
        )
        raise EmbeddedRefused(message)
    return "DATABASE_URL" in without, "REDIS_URL" in without


def ensure_services(*, postgres: bool, valkey: bool) -> None:
    """Start what does not run, and keep it running until this process ends.

    Can be called again at any time, also to bring back a server that was killed. Raises
    ``EmbeddedError`` with what to do when a server cannot be had.
    """
    if not (postgres or valkey):
        return
    try:
        _ensure(Layout.of(crm_home()), with_postgres=postgres, with_valkey=valkey)
    except PermissionError as error:
        message = (
            f"{error.filename or crm_home()}: {error.strerror}. The folder belongs to another "
            "user; set CRM_HOME to one of your own."
        )
        raise EmbeddedError(message) from error


def _ensure(layout: Layout, *, with_postgres: bool, with_valkey: bool) -> None:
    _make_home(layout)
    with locks.exclusive(layout.start_lock, seconds=START_SECONDS):
        _take_lease(layout)
        new_postgres = with_postgres and not postgres_cluster.exists(layout)
        new_valkey = with_valkey and not valkey.exists(layout)
        names = [
            name for name, new in (("PostgreSQL 18", new_postgres), ("Valkey", new_valkey)) if new
        ]
        if names:
            _say(f"Starting {' and '.join(names)} under {_short(layout.home)} …")
        if with_valkey:
            valkey.ensure(layout)
        if with_postgres:
            postgres.ensure(layout)


def _make_home(layout: Layout) -> None:
    make_folder(layout.home, mode=layout.folder_mode)
    ignore = layout.home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("# Data of the embedded servers\n*\n")


def _take_lease(layout: Layout) -> None:
    if not _leases:
        # Before the first server is started, so that an interrupted start is cleaned up too.
        atexit.register(leave)
        os.register_at_fork(after_in_child=_forget)
    if layout.home not in _leases:
        _leases[layout.home] = _Lease(locks.shared(layout.lease_lock), os.getpid())


def _forget() -> None:
    """In a forked child: close the copies without unlocking, which would end the parent's share.

    The child's work ends with its parent's, so it has no share of its own; a worker that
    outlives a killed parent must not keep the servers from being stopped.
    """
    for lease in _leases.values():
        os.close(lease.descriptor)
    _leases.clear()


def leave() -> None:
    """Give this process's shares up, and stop the servers whose last user it was."""
    while _leases:
        home, lease = _leases.popitem()
        if lease.pid != os.getpid():
            continue
        locks.release(lease.descriptor)
        try:
            _stop_if_unused(Layout.of(home))
        except (EmbeddedError, OSError) as error:
            _say(f"The embedded servers under {home} were not stopped: {error}")


def _stop_if_unused(layout: Layout) -> None:
    with locks.exclusive(layout.start_lock, seconds=LEAVE_SECONDS):
        if not locks.is_held(layout.lease_lock):
            _stop(layout)


def _stop(layout: Layout) -> None:
    stopped = {"Valkey": valkey.stop(layout), "PostgreSQL": postgres.stop(layout)}
    running = [name for name, done in stopped.items() if not done]
    if running:
        message = f"{' and '.join(running)} did not stop in time; see {layout.home / 'log'}."
        raise EmbeddedError(message)


def set_postgres(settings: str) -> None:
    """Keep settings of one's own for this home's PostgreSQL; they count from its next start."""
    layout = Layout.of(crm_home())
    _make_home(layout)
    if not layout.own_settings.exists() or layout.own_settings.read_text() != settings:
        layout.own_settings.write_text(settings)


def stop_services() -> None:
    """Stop the servers of this home now, whoever still uses them."""
    layout = Layout.of(crm_home())
    if not layout.home.exists():
        return
    with locks.exclusive(layout.start_lock, seconds=LEAVE_SECONDS):
        _stop(layout)


def status() -> Status:
    """Report what runs under this home, without starting anything."""
    layout = Layout.of(crm_home())
    state = postgres.state(layout)
    return Status(
        home=layout.home,
        postgres=postgres.version(layout) if state is postgres.State.READY else state.value,
        valkey="ready" if valkey.is_ready(layout) else "not running",
    )


def _short(path: Path) -> Path:
    """The path as a person in this folder would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
