"""The archive of the server's log: base backups and what was written since, kept by barman-cloud.

Nothing here makes one; PostgreSQL and barman-cloud do (docs/point-in-time.md). This reads it.
"""

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crm_project.backup.errors import BackupError
from crm_project.backup.server import run_apart
from crm_project.embedded.account import Account

Watch = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Base:
    """A base backup: its id in the archive, when it ended, and how many bytes it unpacks to."""

    id: str
    ended: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """Where the log of one server is kept.

    Attributes:
        url: s3://bucket/prefix, as ``archive_command`` names it.
        name: what the archive calls the server.
        endpoint: of what is not Amazon's; empty: Amazon's.
        programs: the folder of ``barman-cloud-…``; empty: they are found by themselves.
    """

    url: str
    name: str = "crm"
    endpoint: str = ""
    programs: str = ""

    def newest(self, account: Account | None) -> Base:
        """Return the newest base backup that is whole. Raises ``BackupError`` without one."""
        listed = self._run("backup-list", [], account, options=["--format=json"])
        try:
            found = [
                Base(
                    str(one["backup_id"]),
                    datetime.fromisoformat(one["end_time_iso"]),
                    int(one.get("size") or 0),
                )
                for one in json.loads(listed)["backups_list"]
                if one["status"] == "DONE"
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError("barman-cloud-backup-list says what is not understood.") from error
        if not found:
            raise BackupError(f"There is no base backup in {self.url}. Run: barman-cloud-backup")
        return max(found, key=lambda base: base.ended)

    def fetch(self, base: Base, folder: Path, account: Account | None, watch: Watch) -> None:
        """Unpack a base backup into an empty folder."""
        self._run("restore", [base.id, str(folder)], account, watch=watch)

    def restore_command(self) -> str:
        """Return what fetches one piece of the log for PostgreSQL, as its setting wants it."""
        # The server reads % in the whole of it.
        words = [shlex.quote(part).replace("%", "%%") for part in self._command("wal-restore")]
        return " ".join([*words, "%f", "%p"])

    def environment(self) -> dict[str, str]:
        """Return what barman-cloud may see: the keys of the bucket, as boto3 reads them."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("AWS_") or name in {"HOME", "SSL_CERT_FILE"}
        }
        return {"PATH": f"/usr/local/bin:{os.defpath}", "LC_ALL": "C", "TZ": "UTC"} | kept

    def _run(
        self,
        program: str,
        arguments: list[str],
        account: Account | None,
        *,
        options: list[str] | None = None,
        watch: Watch = lambda: None,
    ) -> str:
        try:
            return run_apart(
                [*self._command(program, *(options or [])), *arguments],
                environment=self.environment(),
                words=f"barman-cloud-{program} failed",
                watch=watch,
                account=account,
            )
        except OSError as error:
            raise BackupError(
                f"barman-cloud-{program} cannot be run: {error.strerror}. Install barman-cloud, or "
                "name its folder in CRM_BARMAN_BIN."
            ) from error

    def _command(self, program: str, *options: str) -> list[str]:
        name = f"barman-cloud-{program}"
        path = str(Path(self.programs) / name) if self.programs else name
        where = ["--endpoint-url", self.endpoint] if self.endpoint else []
        return [path, *where, *options, self.url, self.name]
