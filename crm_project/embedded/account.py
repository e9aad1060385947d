"""Who runs PostgreSQL. It refuses root, so for root an unprivileged existing user does."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from crm_project.embedded.errors import EmbeddedError, EmbeddedUnavailable

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user that a server runs as instead of root."""

    uid: int
    gid: int
    name: str

    def may_enter(self, folder: Path) -> bool:
        """Tell whether the user can reach things in ``folder``, existing parents included.

        Looks at mode bits only: an access control list that grants more is not seen, which
        costs a copy and nothing else.
        """
        return all(self._may_search(parent) for parent in (folder, *folder.parents))

    def _may_search(self, folder: Path) -> bool:
        try:
            status = folder.stat()
        except FileNotFoundError:
            return True  # we make it, with the mode that it needs
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_account() -> Account | None:
    """Return the user for PostgreSQL when we are root, None when the caller runs it himself."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        message = (
            f"PostgreSQL does not run as root and there is no user {UNPRIVILEGED!r} to run it. "
            "Run as an ordinary user, or set DATABASE_URL."
        )
        raise EmbeddedUnavailable(message) from error
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def make_folder(folder: Path, *, mode: int, owner: Account | None = None) -> Path:
    """Create ``folder`` and its missing parents whatever the umask; an existing one is left."""
    if not folder.parent.exists():
        make_folder(folder.parent, mode=mode)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return folder
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid)
    folder.chmod(mode)
    return folder


def private_folder(folder: Path, owner: Account | None) -> Path:
    """Create or take a folder that only ``owner`` (None: the caller) may enter.

    Under /tmp anybody may have put something there first, so an existing one is used only
    if it is a real folder of that user. Raises ``EmbeddedError`` otherwise.
    """
    make_folder(folder, mode=0o700, owner=owner)
    uid = owner.uid if owner else os.geteuid()
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
        message = (
            f"{folder} exists and is not a folder of user {uid}. "
            "Remove it, or set CRM_HOME to another folder."
        )
        raise EmbeddedError(message)
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder
