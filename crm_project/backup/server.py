"""The PostgreSQL server of a backup: how it is reached, and its own programs beside it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crm_project.backup.errors import BackupError
from crm_project.embedded.account import Account, server_account
from crm_project.embedded.binaries import postgres_programs
from crm_project.embedded.errors import EmbeddedError

LOCK_SECONDS = 60
"""How long to wait for a table that somebody has locked."""

WATCH_SECONDS = 0.5
"""How often work that takes long looks whether it is still wanted."""

# Limits that are right for a page would end a backup in the middle.
_SESSION = (
    "-c statement_timeout=0 -c transaction_timeout=0 -c idle_in_transaction_session_timeout=0 "
    f"-c idle_session_timeout=0 -c lock_timeout={LOCK_SECONDS}s -c row_security=off"
)
_FULL = "No space left on device"


@dataclass(frozen=True, slots=True)
class Server:
    """A database and the login that reaches it; ``parameters`` are libpq's, without password."""

    database: str
    parameters: Mapping[str, str]
    password: str = ""

    def at(self, database: str) -> "Server":
        """Return another database of the same server."""
        return replace(self, database=database)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Return a new session of its own, without time limits.

        Raises ``BackupError`` when the server is not to be had.
        """
        secret: dict[str, Any] = {"password": self.password} if self.password else {}
        try:
            return psycopg.connect(
                self.conninfo(), connect_timeout=10, options=_SESSION, **secret, **options
            )
        except psycopg.OperationalError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise BackupError(
                f"The database {self.database} cannot be reached: {reason}"
            ) from error

    def conninfo(self) -> str:
        """Return how to get there, as psycopg and PostgreSQL's programs read it."""
        return make_conninfo("", dbname=self.database, **dict(self.parameters))

    def environment(self) -> dict[str, str]:
        """Return what PostgreSQL's programs may see: never in a list of processes."""
        fixed = {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "PGAPPNAME": "crm backup",
            "PGOPTIONS": _SESSION,
        }
        # How to reach and to trust the server (PGSSLMODE, PGSSLROOTCERT …): as our own sessions do.
        # Where the login's certificates lie, unless said otherwise: in HOME.
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "HOME" or (name.startswith("PG") and name not in fixed)
        }
        return kept | fixed | ({"PGPASSWORD": self.password} if self.password else {})

    def own_database(self) -> "Server":
        """Return the database to connect to for making, renaming and dropping others."""
        return self.at("postgres")


def identifier(name: str) -> sql.Identifier:
    return sql.Identifier(name)


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder with ``pg_dump`` and ``pg_restore``, and their version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def path(self, name: str) -> str:
        return str(self.folder / name)


def find_programs(folder: str, *, embedded: bool) -> Programs:
    """Find PostgreSQL's programs: in ``folder``, else the newest of the system's and our own.

    Args:
        folder: what the configuration names; empty: nothing.
        embedded: whether the server is the embedded one; then its own programs are the right ones.

    Raises ``BackupError`` when there are none.
    """
    if folder:
        return _programs(Path(folder))
    found = [] if embedded else [_programs(place) for place in _places()]
    # Also beside the system's, which may be too old for the server: the newest is taken.
    if (own := _embedded_folder()) is not None:
        found.append(_programs(own))
    if not found:
        raise BackupError(
            "pg_dump and pg_restore are not installed. Install PostgreSQL's client programs "
            "(Debian: postgresql-client-18), or name their folder in CRM_PG_BIN."
        )
    return max(found, key=lambda programs: programs.major)


def _places() -> list[Path]:
    """Return the folders of the system that hold a ``pg_dump``."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_dump")]
    if not folders and (named := shutil.which("pg_dump")):
        folders = [Path(named).parent]
    return folders


def _embedded_folder() -> Path | None:
    try:
        return postgres_programs(server_account())
    except EmbeddedError:
        return None


def _programs(folder: Path) -> Programs:
    program = folder / "pg_dump"
    try:
        told = subprocess.run(  # noqa: S603 - a fixed program, no shell
            [program, "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BackupError(f"{program} cannot be run. Look at CRM_PG_BIN.") from error
    version = re.search(r"(\d+(?:\.\d+)?)", told.replace("(PostgreSQL)", ""))
    if version is None:
        raise BackupError(f"{program} does not say its version.")
    return Programs(folder, version[1])


def run(
    command: Sequence[str],
    server: Server,
    *,
    words: str,
    keep: Sequence[int] = (),
    watch: Callable[[], None] = lambda: None,
) -> str:
    """Run one of PostgreSQL's programs to its end; return what it printed.

    Raises ``BackupError`` with the first error that it named.
    """
    return run_apart(command, environment=server.environment(), words=words, keep=keep, watch=watch)


def run_apart(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    words: str,
    keep: Sequence[int] = (),
    watch: Callable[[], None] = lambda: None,
    account: Account | None = None,
) -> str:
    """Run a program to its end; return what it printed.

    Args:
        environment: all that it sees of ours.
        words: what an error begins with.
        keep: open files that it may use too.
        watch: is called while it runs; what it raises ends the program.
        account: who runs it; None: we do.

    Raises ``BackupError`` with the first error that it named.
    """
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - fixed programs, no shell
            list(command),
            env=environment,
            cwd="/" if account else None,  # which may not enter ours
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=said,
            pass_fds=tuple(keep),
            **as_account(account),
        )
        try:
            while _runs(process):
                watch()
        except BaseException:
            _end(process)
            raise
        if process.returncode:
            raise failure(words, _text(said))
        return _text(printed)


def as_account(account: Account | None) -> dict[str, Any]:
    """Return what makes a program run as somebody else; nothing where we are not root."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _runs(process: subprocess.Popen[bytes]) -> bool:
    """Wait a moment for a program; False when it has ended."""
    try:
        process.wait(timeout=WATCH_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end, which cancels what its sessions do; see to it."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def failure(words: str, stderr: str) -> BackupError:
    """Return what a program complained of, as one of our errors."""
    if _FULL in stderr:
        return BackupError(f"{words}: the disk of the database server is full.")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line for line in lines if "error:" in line] or lines[-1:] or ["it said nothing"]
    return BackupError(f"{words}: {named[0].partition('error: ')[2] or named[0]}")
