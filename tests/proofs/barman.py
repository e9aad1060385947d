"""barman-cloud, put where PostgreSQL's user can run it, and the archive that it fills."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from crm_project.embedded.account import server_account
from crm_project.embedded.layout import PROJECT_ROOT

LIST = PROJECT_ROOT / "requirements" / "barman.txt"
NAME = "crm"
"""What the archive calls the server."""


def python(account):
    """Return a Python that the account may run: ours need not be one."""
    candidates = [Path(sys.executable).resolve(), *map(Path, ("/usr/bin/python3",))]
    for program in candidates:
        if program.exists() and (account is None or account.may_enter(program.resolve().parent)):
            return program
    return None


def place():
    """Return where it lies, by what is in it and who put it there."""
    digest = hashlib.sha256(LIST.read_bytes() + str(python(server_account())).encode())
    shared = Path("/var/tmp")  # noqa: S108 - only a folder there that is ours is used
    return shared / f"crm-barman-{os.geteuid()}-{digest.hexdigest()[:12]}"


def why_not():
    """Return in words why there is no barman-cloud here; empty: there is."""
    if python(server_account()) is None:
        return "PostgreSQL's user can run no Python"
    if not (place() / "bin" / "barman-cloud-backup").exists():
        return "make test-slow installs barman-cloud"
    return "" if place().stat().st_uid == os.geteuid() else f"{place()} is somebody else's"


def install():
    """Put it there, every package checked against its hash."""
    target = place()
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="crm-barman-") as scratch:
        made = Path(scratch, "made")
        command = [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check"),
            *("--python", python(server_account()), "install", "--quiet", "--no-deps"),
            *("--require-hashes", "--target", made, "-r", LIST),
        ]
        subprocess.run([str(part) for part in command], check=True, umask=0o022)
        made.rename(target)


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
            "PYTHONPATH": str(place()),
            "AWS_ACCESS_KEY_ID": service.key,
            "AWS_SECRET_ACCESS_KEY": service.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }
        service.make(bucket)

    def command(self, program, *arguments):
        """Return a call of one of barman-cloud's programs on this archive."""
        start = [python(self.account), place() / "bin" / f"barman-cloud-{program}"]
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
    install()
