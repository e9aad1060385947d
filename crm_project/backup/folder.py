"""Backups in a folder, such as a mounted disk: written under another name, synced, renamed."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from crm_project.backup.errors import GoneError, TargetError, TargetFullError
from crm_project.backup.targets import Readable, Stored, Swept, Upload, Watched, upper_first

HALF = ".half-"
"""What the names of unfinished files begin with."""

_BUFFER = 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FolderTarget:
    """A folder. It is made if only its last part is missing: a missing parent is a dead disk."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    @property
    def words(self) -> str:
        return f"the folder {self._folder}"

    def free_bytes(self) -> int | None:
        with self._trouble():
            return shutil.disk_usage(self._made()).free

    def start(self, key: str) -> Upload:
        with self._trouble():
            return _FolderUpload(self, self._made() / key)

    @contextmanager
    def read(self, key: str) -> Iterator[Readable]:
        with self._trouble():
            file = (self._folder / key).open("rb", buffering=_BUFFER)
        with file:
            yield Watched(file, self._trouble)

    def stored(self) -> dict[str, Stored]:
        found = {}
        with self._trouble():
            for entry in os.scandir(self._made()):
                # Retention may take one away while we look.
                with suppress(FileNotFoundError):
                    if entry.is_file() and not entry.name.startswith("."):
                        status = entry.stat()
                        when = datetime.fromtimestamp(status.st_mtime, UTC)
                        found[entry.name] = Stored(status.st_size, when)
        return found

    def delete(self, key: str) -> None:
        with self._trouble():
            (self._folder / key).unlink(missing_ok=True)

    def sweep(self, before: datetime) -> Swept:
        swept = Swept()
        with self._trouble():
            halves = [left.name for left in self._made().glob(f"{HALF}*") if _older(left, before)]
        for name in halves:
            swept.remove(name, partial(self.delete, name))
        return swept

    def _made(self) -> Path:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700)
        return self._folder

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Say in words what the file system refused."""
        try:
            yield
        except OSError as error:
            raise self.in_words(error) from error

    def in_words(self, error: OSError) -> TargetError:
        """Return what the file system refused as one of our errors."""
        if error.errno in _FULL:
            return TargetFullError(
                f"There is no room left in {self.words} ({error.strerror}). The unfinished "
                "backup was removed. Make room there, or name another place in CRM_BACKUP_URL."
            )
        if error.errno == errno.ENOENT:
            return GoneError(
                f"{self._folder} or what was looked for in it is not there. Is its disk mounted?"
            )
        return TargetError(f"{upper_first(self.words)} cannot be used: {error.strerror}.")


class _FolderUpload:
    """A file with another name until it is whole and on disk."""

    def __init__(self, target: FolderTarget, final: Path) -> None:
        self._target = target
        self._final = final
        self._half = final.with_name(f"{HALF}{final.name}-{secrets.token_hex(4)}")
        descriptor = os.open(self._half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER)

    def write(self, data: bytes, /) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            raise self._target.in_words(error) from error

    def commit(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._half.rename(self._final)
            _sync_folder(self._final.parent)
        except OSError as error:
            raise self._target.in_words(error) from error

    def abort(self) -> None:
        # Closing writes what is buffered, which a full disk refuses again.
        try:
            self._file.close()
        except OSError:
            pass
        finally:
            self._half.unlink(missing_ok=True)


def _older(path: Path, before: datetime) -> bool:
    try:
        return path.lstat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False  # finished or removed while we looked


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
