"""Programs of others that the proofs drive, put where PostgreSQL's user can run them."""

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from crm_project.embedded.account import server_account
from crm_project.embedded.layout import PROJECT_ROOT


def python(account):
    """Return a Python that the account may run: ours need not be one."""
    candidates = [Path(sys.executable).resolve(), *map(Path, ("/usr/bin/python3",))]
    for program in candidates:
        if program.exists() and (account is None or account.may_enter(program.resolve().parent)):
            return program
    return None


@dataclass(frozen=True)
class Apart:
    """The packages of ``requirements/<name>.txt`` in a folder of their own.

    ``proof``: a file that is there once they are.
    """

    name: str
    proof: str

    @property
    def requirements(self):
        return PROJECT_ROOT / "requirements" / f"{self.name}.txt"

    @property
    def place(self):
        """Where they lie, by what they are and who put them there."""
        seen = self.requirements.read_bytes() + str(python(server_account())).encode()
        shared = Path("/var/tmp")  # noqa: S108 - only a folder there that is ours is used
        return shared / f"crm-{self.name}-{os.geteuid()}-{hashlib.sha256(seen).hexdigest()[:12]}"

    def why_not(self):
        """Return in words why they are not here; empty: they are."""
        if python(server_account()) is None:
            return "PostgreSQL's user can run no Python"
        if not (self.place / self.proof).exists():
            return f"make test-slow installs {self.name}"
        return "" if self.place.stat().st_uid == os.geteuid() else f"{self.place} is another's"

    def install(self):
        """Put them there, every package checked against its hash."""
        if self.place.exists():
            return
        with tempfile.TemporaryDirectory(dir=self.place.parent, prefix="crm-apart-") as scratch:
            made = Path(scratch, "made")
            command = [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check"),
                *("--python", python(server_account()), "install", "--quiet", "--no-deps"),
                *("--require-hashes", "--target", made, "-r", self.requirements),
            ]
            subprocess.run([str(part) for part in command], check=True, umask=0o022)
            made.rename(self.place)
