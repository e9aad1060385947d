"""PostgreSQL 18 and Valkey 9 of Debian, which know TLS: unpacked beside the system's own.

Debian 14's packages and all libraries that they need, down to the C library, in one folder. Their
programs are started by that folder's own loader, so the system they run on does not matter.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "forky"
PACKAGES = ("postgresql-18", "postgresql-18-pgvector", "valkey-server")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LOADER = "usr/lib64/ld-linux-x86-64.so.2"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
POSTGRES = "usr/lib/postgresql/18/bin"


def place():
    """Where they lie, by what they are and who put them there."""
    seen = hashlib.sha256(repr((SUITE, PACKAGES)).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"crm-debian-{os.geteuid()}-{seen}"  # noqa: S108 - only if ours


def why_not():
    """Return in words why they are not here; empty: they are."""
    if not (place() / "bin/psql").exists():
        return "make test-slow installs a PostgreSQL that knows TLS, with Debian's apt"
    return "" if place().stat().st_uid == os.geteuid() else f"{place()} is another's"


def program(name):
    """Return the command line of one of their programs, as far as its arguments."""
    folder = POSTGRES if (place() / POSTGRES / name).exists() else "usr/bin"
    return [place() / LOADER, "--library-path", place() / LIBRARIES, place() / folder / name]


def install():
    """Fetch and unpack them; apt checks every package against Debian's signature."""
    if place().exists():
        return
    if platform.machine() != "x86_64" or not (shutil.which("apt-get") and KEYRING.exists()):
        message = "this needs apt-get, Debian's keys and an x86_64 processor"
        raise SystemExit(message)
    with tempfile.TemporaryDirectory(dir=place().parent, prefix="crm-debian-") as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        for package in _fetched(Path(scratch)):
            subprocess.run(["dpkg-deb", "-x", package, made], check=True)
        _write_starters(made)
        made.chmod(0o755)
        made.rename(place())


def _fetched(scratch):
    """Return the packages' files, with everything that they depend on."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True)
    # As if nothing were installed: so the C library comes along, too.
    (scratch / "state/status").touch()
    source = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {SUITE} main\n"
    (scratch / "sources.list").write_text(source)
    options = {
        "Dir::State": scratch / "state",
        "Dir::State::status": scratch / "state/status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": scratch / "sources.list",
        "Dir::Etc::sourceparts": scratch / "none",
        "Dir::Etc::preferencesparts": scratch / "none",
        "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "root",
    }
    (scratch / "none").mkdir()
    command = [
        "apt-get",
        "-qq",
        *(part for name in options for part in ("-o", f"{name}={options[name]}")),
    ]
    for words in (["update"], ["--yes", "--download-only", "install", *PACKAGES]):
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)
    return sorted((scratch / "cache/archives").glob("*.deb"))


def _write_starters(made):
    """Put programs that scripts call by their names into ``bin``."""
    (made / "bin").mkdir()
    for name, folder in (("psql", POSTGRES), ("valkey-cli", "usr/bin")):
        starter = made / "bin" / name
        here = place()
        starter.write_text(
            f"#!/bin/sh\nexec {here / LOADER} --library-path {here / LIBRARIES}"
            f' {here / folder / name} "$@"\n'
        )
        starter.chmod(0o755)


if __name__ == "__main__":
    install()
