"""Starting programs away from the terminal, and finding them again by their command line."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crm_project.embedded.account import Account
from crm_project.embedded.errors import EmbeddedUnavailable

ADVICE = "Set DATABASE_URL and REDIS_URL to servers of your own, or run as an ordinary user."
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended, and all that it wrote."""

    code: int
    output: str


def run(
    command: Sequence[str | Path], *, account: Account | None = None, keep: Iterable[int] = ()
) -> Finished:
    """Run a program to its end, in a session of its own so that Ctrl-C does not reach it.

    ``account`` is the user it runs as (None: the caller), ``keep`` the descriptors it inherits.
    A failing program is no error here; the caller reads the code and the output.
    """
    # A clean environment: PGDATA, PGOPTIONS or LC_ALL of the caller must not steer the servers.
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    # A file and not a pipe: the server that is left behind would hold the pipe open for ever.
    with tempfile.TemporaryFile() as output:
        try:
            ended = subprocess.run(  # noqa: S603 - fixed programs of our own packages, no shell
                [str(part) for part in command],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,
                umask=0o077,
                pass_fds=tuple(keep),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except OSError as error:
            who = f" as user {account.name}" if account else ""
            message = f"{command[0]} cannot be run{who}: {error}. {ADVICE}"
            raise EmbeddedUnavailable(message) from error
        output.seek(0)
        return Finished(ended.returncode, output.read().decode(errors="replace").strip())


def command_lines() -> dict[int, str]:
    """Return pid → command line of every process that can be seen; zombies have none."""
    if _PROC.is_dir():
        return {
            int(folder.name): line
            for folder in _PROC.iterdir()
            if folder.name.isdigit() and (line := _command_line(folder))
        }
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False
    )
    pairs = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return {int(pair[0]): pair[1] for pair in pairs if len(pair) == 2}


def _command_line(folder: Path) -> str:
    try:
        raw = (folder / "cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
