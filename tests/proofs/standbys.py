"""A streaming standby of a PostgreSQL of our own."""

import os
from pathlib import Path

from tests.proofs.servers import Postgres

HBA = "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"


class Standby(Postgres):
    """Follows ``primary``, which runs and lets it in; ``more``: further settings."""

    def __init__(self, folder, data, primary, **more):
        super().__init__(
            folder,
            data,
            primary_conninfo=f"host=127.0.0.1 port={primary.port} user=crm",
            # An old query on a standby must not hold up what it replays.
            max_standby_streaming_delay="1s",
            **more,
        )
        self.primary = primary

    def make(self):
        """Copy the primary and follow it."""
        data = Path(self.data)
        data.mkdir(mode=0o700)
        if self.account:
            os.chown(data, self.account.uid, self.account.gid)
        self._tool(
            *("pg_basebackup", "--pgdata", data, "--host", "127.0.0.1"),
            *("--port", str(self.primary.port), "--username", "crm"),
            *("--checkpoint", "fast", "--no-sync", "--wal-method", "stream"),
        )
        (data / "standby.signal").touch()
        return self.start()

    def pause(self):
        """Replay nothing more, as if the line were cut."""
        with self.connect() as connection:
            connection.execute("select pg_wal_replay_pause()")

    def go_on(self):
        with self.connect() as connection:
            connection.execute("select pg_wal_replay_resume()")

    def delay(self, milliseconds):
        """Replay each commit only so long after it was made."""
        with self.connect() as connection:
            connection.execute(f"alter system set recovery_min_apply_delay = {milliseconds}")
            connection.execute("select pg_reload_conf()")


def let_standbys_in(primary):
    """Before the primary starts."""
    (primary.folder / "hba.conf").write_text(HBA)
