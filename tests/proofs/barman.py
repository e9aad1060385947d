"""barman-cloud, put where PostgreSQL's user can run it, and the archive that it fills."""

import os
import shutil
import subprocess

from crm_project.embedded.account import server_account
from tests.proofs.apart import Apart, python

NAME = "crm"
"""What the archive calls the server."""

BARMAN = Apart("barman", "bin/barman-cloud-backup")


class Archive:
    """One server's archive in a bucket: its base backups and every finished piece of its log."""

    def __init__(self, service, *, bucket="archive"):
        self.service = service
        self.account = server_account()
        self.url = f"s3://{bucket}/pitr"
        self.environment = {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "TZ": "UTC",
            "HOME": "/nonexistent",
            "PYTHONPATH": str(BARMAN.place),
            "AWS_ACCESS_KEY_ID": service.key,
            "AWS_SECRET_ACCESS_KEY": service.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }
        service.make(bucket)

    def command(self, program, *arguments):
        """Return a call of one of barman-cloud's programs on this archive."""
        start = [python(self.account), BARMAN.place / "bin" / f"barman-cloud-{program}"]
        options = ["--endpoint-url", self.service.options.endpoint]
        where = [self.url, NAME]
        # Options come before the address, and what it is about after it.
        before = [part for part in arguments if str(part).startswith("-")]
        after = arguments[len(before) :]
        return [str(part) for part in (*start, *options, *before, *where, *after)]

    def settings(self, **more):
        """Return PostgreSQL's settings of a server that fills the archive."""
        return {
            "archive_mode": "on",
            "archive_command": " ".join(self.command("wal-archive", "%p")),
            "wal_level": "replica",
            **more,
        }

    def run(self, program, *arguments, **environment):
        done = subprocess.run(
            self.command(program, *arguments),
            cwd="/",
            env={**self.environment, **environment},
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def restore(self, backup, folder, *, until=None):
        """Fetch a base backup into ``folder``, with orders how to go on from there."""
        folder.mkdir(mode=0o700)
        if self.account:
            os.chown(folder, self.account.uid, self.account.gid)
        self.run("restore", backup, folder)
        lines = {
            "restore_command": " ".join(self.command("wal-restore", "%f", "%p")),
            "recovery_target_action": "promote",
            **({"recovery_target_time": str(until)} if until else {}),
        }
        text = "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        with (folder / "postgresql.auto.conf").open("a") as file:
            file.write(text)
        (folder / "recovery.signal").touch()
        if self.account:
            os.chown(folder / "recovery.signal", self.account.uid, self.account.gid)
        return folder


def remove(folder):
    shutil.rmtree(folder)


if __name__ == "__main__":
    BARMAN.install()
