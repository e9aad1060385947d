"""The data folder of the embedded PostgreSQL: made whole or not at all, settings kept current."""

import os
import shutil
import tempfile
from pathlib import Path

from crm_project.embedded import processes
from crm_project.embedded.account import make_folder, private_folder
from crm_project.embedded.binaries import postgres_programs
from crm_project.embedded.errors import EmbeddedError
from crm_project.embedded.layout import PORT, Layout
from crm_project.embedded.machine import Machine, postgres_settings

USER = "crm"
MAJOR = "18"
_SETTINGS = "crm.conf"
_HALF_MADE = "postgres.new-"

_FIXED = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "max_wal_size": "4GB",
    # Kept for reuse: a new log file is written twice, once with zeros.
    "min_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # The default, said aloud: this build has pglz only, which doubles the time of every index.
    "wal_compression": "off",
    "synchronous_commit": "on",
    # Solid-state disks: a random read costs hardly more than a sequential one.
    "random_page_cost": "1.1",
    # Compiling costs more than it saves on the short statements of a web application.
    "jit": "off",
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    # One file for each day of the week, begun anew: a week of logs and never more.
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_file_mode": "0600",
    # Failed statements and their details hold customers' data; the caller gets them anyway.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def name(layout: Layout) -> str:
    """Return the name that this home's server processes show in their titles."""
    return f"crm-{layout.key}"


def exists(layout: Layout) -> bool:
    return (layout.postgres_link / "PG_VERSION").exists()


def prepare(layout: Layout) -> None:
    """Create the folders, and the data if there is none yet."""
    if not layout.reachable:
        private_folder(layout.away, layout.account)
    make_folder(layout.home / "log", mode=layout.folder_mode)
    private_folder(layout.postgres_log, layout.account)
    private_folder(layout.sockets, layout.account)
    if not exists(layout):
        if layout.postgres_link.is_symlink():
            message = (
                f"The data that {layout.postgres_link} points to is gone. "
                "Bring it back, or remove the link to begin with an empty database."
            )
            raise EmbeddedError(message)
        _create(layout)
    made_by = (layout.postgres_data / "PG_VERSION").read_text().strip()
    if made_by != MAJOR:
        message = (
            f"{layout.postgres_data} was made by PostgreSQL {made_by}, this is {MAJOR}. Dump it "
            f"with the old version and load it here, or remove {layout.postgres_link}."
        )
        raise EmbeddedError(message)


def _create(layout: Layout) -> None:
    """Run ``initdb`` beside the final place and rename, so that a kill leaves no half data."""
    target = layout.postgres_data
    for left in target.parent.glob(f"{_HALF_MADE}*"):
        shutil.rmtree(left, ignore_errors=True)
    if target.exists():
        _set_aside(target)
    fresh = Path(tempfile.mkdtemp(prefix=_HALF_MADE, dir=target.parent))
    if layout.account:
        os.chown(fresh, layout.account.uid, layout.account.gid)
    programs = postgres_programs(layout.account)
    options = (
        f"--username={USER}",
        "--encoding=UTF8",
        # Built in, so sorting and case are the same on every system, whatever it has installed.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        # Only the owner of the socket's folder gets as far as this.
        "--auth-local=trust",
        "--auth-host=reject",
    )
    ended = processes.run([programs / "initdb", "-D", fresh, *options], account=layout.account)
    if ended.code:
        shutil.rmtree(fresh, ignore_errors=True)
        message = f"initdb failed: {ended.output}\nMend that, or set DATABASE_URL."
        raise EmbeddedError(message)
    _include_settings(fresh)
    fresh.rename(target)
    if target != layout.postgres_link:
        layout.postgres_link.symlink_to(target)


def _set_aside(data: Path) -> None:
    """Keep one generation of data that is not ours to use.

    It is either the folder away from a home that was removed, which is how a user asks for a
    fresh start, or something in our place that is no PostgreSQL data.
    """
    old = data.with_name(f"{data.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    data.rename(old)


def _include_settings(data: Path) -> None:
    """Let the generated settings follow ``postgresql.conf``; ALTER SYSTEM still overrides both."""
    descriptor = os.open(data / "postgresql.conf", os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"\ninclude_if_exists = '{_SETTINGS}'  # rewritten at each start\n")


def write_settings(layout: Layout) -> None:
    """Write the settings for this machine as it is now.

    The folder may belong to a less trusted user than the caller: hence a new file and a
    rename, which follow no links that lie there.
    """
    settings = {
        **_FIXED,
        **postgres_settings(Machine.here()),
        "cluster_name": name(layout),
        "unix_socket_directories": str(layout.sockets),
        "log_directory": str(layout.postgres_log),
    }
    lines = "".join(f"{key} = '{value}'\n" for key, value in settings.items())
    if layout.own_settings.exists():
        lines += layout.own_settings.read_text()
    new = layout.postgres_data / f"{_SETTINGS}.new"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if layout.account:
            os.fchown(file.fileno(), layout.account.uid, layout.account.gid)
        file.write(f"# Generated at each start; changes here are lost.\n{lines}")
    new.replace(layout.postgres_data / _SETTINGS)


def log_tail(layout: Layout, lines: int = 8) -> str:
    """Return the end of the newest log, for the message of a failed start."""
    logs = sorted(layout.postgres_log.glob("*.log"), key=lambda path: path.stat().st_mtime)
    text = "\n".join("\n".join(path.read_text().splitlines()[-lines:]) for path in logs[-2:])
    return f"The end of the logs in {layout.postgres_log}:\n{text}"
