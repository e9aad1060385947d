"""Folders for a server that is only looked at: gone afterwards, also after a kill, by the next."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crm_project.backup.errors import BackupError
from crm_project.embedded.account import Account

_PREFIX = "crm-log-"
_OWNER = "owner"
"""A file with the number of the process that made the folder."""


@contextmanager
def scratch(parent: str, account: Account | None) -> Iterator[Path]:
    """Make a folder that only ``account`` may enter; what dead processes left there goes first."""
    for left in Path(parent).glob(f"{_PREFIX}*"):
        if _is_left(left):
            _remove(left)
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        (made / _OWNER).write_text(str(os.getpid()))
    except OSError as error:
        raise BackupError(
            f"Nothing can be restored in {parent}: {error.strerror}. CRM_BACKUP_WORK_DIR may name "
            "another folder."
        ) from error
    try:
        if account is not None:
            if not account.may_enter(made.parent):
                raise BackupError(
                    f"{account.name}, who runs PostgreSQL, may not enter {parent}. "
                    "CRM_BACKUP_WORK_DIR may name another folder."
                )
            os.chown(made, account.uid, account.gid)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def owned(folder: Path, account: Account | None) -> Path:
    """Make a folder as PostgreSQL wants its own."""
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def _is_left(folder: Path) -> bool:
    try:
        return not Path("/proc", str(int((folder / _OWNER).read_text()))).exists()
    except (OSError, ValueError):
        return False  # not ours, or just being made


def _remove(folder: Path) -> None:
    """End the server that runs in a folder, if one does, and remove it."""
    with suppress(OSError, ValueError):
        pid = int((folder / "data" / "postmaster.pid").read_text().partition("\n")[0])
        # Numbers of processes come again: it is only ours if it was started on this folder.
        if os.fsencode(folder) in Path("/proc", str(pid), "cmdline").read_bytes():
            os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)
