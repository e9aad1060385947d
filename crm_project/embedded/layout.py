"""Where everything of the embedded servers lies, known without starting or creating anything.

<home>/postgres    data of PostgreSQL, or a link to it where its user cannot reach <home>
<home>/valkey      data of Valkey
<home>/run         the sockets, or a short folder under /tmp where that path is too long
<home>/log         what the servers wrote
<home>/*.lock      who uses the servers, who starts them, and whether they live
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from crm_project.embedded.account import Account, server_account
from crm_project.embedded.errors import EmbeddedError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PORT = 5432
"""Only part of the socket's name; no TCP port is opened."""

SOCKET_BYTES = 103
"""The kernel's limit for a socket's path: 107 on Linux, 103 on macOS."""

_TEMPORARY = Path("/tmp")  # noqa: S108 - a private folder in it, whose owner is checked
_STATE = Path("/var/tmp")  # noqa: S108 - the same
# A comma separates hosts, and URLs give other signs a meaning: such paths get the short folder.
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
_UNQUOTABLE = re.compile(r"[\"'$`\\\x00-\x1f]")


def crm_home() -> Path:
    """Return the folder of the embedded servers: ``CRM_HOME``, or ``.crm`` in the project.

    A relative ``CRM_HOME`` counts from the project's root, so that every process finds the
    same folder wherever it was started. Raises ``EmbeddedError`` for a path with quotes,
    dollar signs or control characters, which PostgreSQL's start script cannot pass on.
    """
    named = Path(os.environ.get("CRM_HOME") or ".crm").expanduser()
    home = (PROJECT_ROOT / named).resolve()
    if _UNQUOTABLE.search(str(home)):
        message = f"CRM_HOME {str(home)!r} has quotes, dollar signs or control characters in it."
        raise EmbeddedError(message)
    return home


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one home, and the user that PostgreSQL runs as (None: the caller)."""

    home: Path
    account: Account | None

    @classmethod
    def of(cls, home: Path) -> "Layout":
        return cls(home, server_account())

    @property
    def key(self) -> str:
        """Short name of this home, for folders outside it and for process titles."""
        return hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]

    @property
    def reachable(self) -> bool:
        """Tell whether PostgreSQL's user can enter the home."""
        return self.account is None or self.account.may_enter(self.home)

    @property
    def folder_mode(self) -> int:
        """Mode of a new home: others may pass through only if PostgreSQL's user must."""
        return 0o700 if self.account is None else 0o711

    @property
    def away(self) -> Path:
        """The folder that stands in for a home that PostgreSQL's user cannot enter."""
        return _STATE / f"crm-{self.key}"

    @property
    def postgres_link(self) -> Path:
        return self.home / "postgres"

    @property
    def postgres_data(self) -> Path:
        """The real data folder. Raises ``EmbeddedError`` if its user cannot reach it any more."""
        if self.postgres_link.is_symlink():
            return self.postgres_link.readlink()
        if self.reachable:
            return self.postgres_link
        if self.postgres_link.exists():
            name = self.account.name if self.account else "you"
            message = (
                f"{self.postgres_link} cannot be reached by user {name}, who runs PostgreSQL. "
                f"Let others pass through the folders above it (chmod o+x), or remove {self.home}."
            )
            raise EmbeddedError(message)
        return self.away / "postgres"

    @property
    def postgres_log(self) -> Path:
        """Folder of PostgreSQL's own logs, which its user must be able to write."""
        return self.home / "log" / "postgres" if self.reachable else self.away / "log"

    @property
    def own_settings(self) -> Path:
        """Settings of one's own for this home's PostgreSQL, in its notation; they win."""
        return self.home / "postgres.conf"

    @property
    def valkey_data(self) -> Path:
        return self.home / "valkey"

    @property
    def valkey_log(self) -> Path:
        return self.home / "log" / "valkey.log"

    @property
    def sockets(self) -> Path:
        """Folder of both sockets."""
        inside = self.home / "run"
        longest = len(os.fsencode(inside / f".s.PGSQL.{PORT}"))
        if longest <= SOCKET_BYTES and _PLAIN.fullmatch(str(inside)) and self.reachable:
            return inside
        return _TEMPORARY / f"crm-{os.geteuid()}-{self.key}"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def lease_lock(self) -> Path:
        """Held together by every process that uses the servers."""
        return self.home / "lease.lock"

    @property
    def start_lock(self) -> Path:
        """Held by the one process that is starting or stopping servers."""
        return self.home / "start.lock"

    @property
    def postgres_lock(self) -> Path:
        """Held by PostgreSQL's processes themselves, for as long as one of them lives."""
        return self.home / "postgres.lock"

    @property
    def valkey_lock(self) -> Path:
        """Held by Valkey itself for as long as it lives."""
        return self.home / "valkey.lock"
