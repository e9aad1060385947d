"""A file system that keeps what was not synced in memory: killing its process cuts the power.

``python -m tests.proofs.forgetful_disk BACKING MOUNT [--early SHARE] [--cached SECS] ...``

BACKING is what the platter holds. A write goes into this process's memory and reaches the
platter by ``fsync`` (or ``fdatasync``, or ``O_SYNC``), which is the most that POSIX promises.
Names (create, rename, delete) reach it at once, as a journalling file system keeps them.

--early SHARE  write this share of changed pages at once, in no order, as a kernel does: what a
               power cut leaves is then torn, not merely old. A file never grows past a hole.
--cached SECS  answer ``fsync`` at once and do it so much later, as a disk with a cache and no
               battery: a guard, for the proofs must notice what that loses.
--full FILE    while FILE exists, there is no room for anything new.
"""

import argparse
import errno
import os
import random
import resource
import stat
from collections import deque
from contextlib import suppress
from pathlib import Path
from time import monotonic

from fuse import FUSE, FuseOSError, Operations, fuse_get_context

PAGE = 4096


class VolatileFile:
    """One file: the platter's bytes, and over them the pages and the length in memory."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.descriptor).st_size
        # Bytes of the platter that still count: a cut-off end does not come back by growing.
        self.kept = self.size
        self.pages: dict[int, bytearray] = {}

    def page(self, number: int) -> bytearray:
        if (found := self.pages.get(number)) is not None:
            return found
        start = number * PAGE
        wanted = max(0, min(PAGE, self.kept - start))
        return bytearray(os.pread(self.descriptor, wanted, start).ljust(PAGE, b"\0"))

    def read(self, size: int, offset: int) -> bytes:
        end = min(offset + size, self.size)
        if end <= offset:
            return b""
        first, last = offset // PAGE, (end - 1) // PAGE
        if not self.pages and end <= self.kept:
            return os.pread(self.descriptor, end - offset, offset)
        data = b"".join(self.page(number) for number in range(first, last + 1))
        return data[offset - first * PAGE : end - first * PAGE]

    def write(self, data: bytes, offset: int) -> list[int]:
        """Change pages in memory; returns their numbers."""
        end = offset + len(data)
        touched = list(range(offset // PAGE, (end - 1) // PAGE + 1)) if data else []
        for number in touched:
            page = self.pages[number] = self.page(number)
            start = number * PAGE
            low, high = max(offset, start), min(end, start + PAGE)
            page[low - start : high - start] = data[low - offset : high - offset]
        self.size = max(self.size, end)
        return touched

    def truncate(self, length: int) -> None:
        if length < self.size:
            self.kept = min(self.kept, length)
            self.pages = {n: page for n, page in self.pages.items() if n * PAGE < length}
            if (last := self.pages.get(length // PAGE)) is not None:
                last[length % PAGE :] = bytes(PAGE - length % PAGE)
        self.size = length

    def write_early(self, number: int) -> None:
        """Put one page on the platter before anybody asked, if no hole comes before it."""
        on_platter = os.fstat(self.descriptor).st_size
        if self.kept == on_platter and number * PAGE <= on_platter:
            end = min(PAGE, self.size - number * PAGE)
            os.pwrite(self.descriptor, self.pages[number][:end], number * PAGE)
            self.kept = max(self.kept, number * PAGE + end)

    def sync(self) -> None:
        if os.fstat(self.descriptor).st_size != self.kept:
            os.ftruncate(self.descriptor, self.kept)
        for number, page in self.pages.items():
            end = min(PAGE, self.size - number * PAGE)
            os.pwrite(self.descriptor, page[:end], number * PAGE)
        os.ftruncate(self.descriptor, self.size)
        self.kept = self.size
        self.pages.clear()


class ForgetfulDisk(Operations):
    """The calls that PostgreSQL and Valkey make; one at a time, as FUSE runs without threads."""

    use_ns = True

    def __init__(
        self, backing: str, *, early: float = 0, seed: int = 0, cached: float = 0, full: str = ""
    ):
        self.backing = backing
        self.files: dict[str, VolatileFile] = {}
        self.early = early
        self.chance = random.Random(seed)
        self.cached = cached
        self.full = Path(full) if full else None
        self.due: deque[tuple[float, VolatileFile]] = deque()

    def _at(self, path: str) -> str:
        return self.backing + path

    def _file(self, path: str) -> VolatileFile:
        if (file := self.files.get(path)) is None:
            file = self.files[path] = VolatileFile(self._at(path))
        return file

    def _forget(self, path: str) -> None:
        if (file := self.files.pop(path, None)) is not None:
            os.close(file.descriptor)

    # --- Bytes ----------------------------------------------------------------------------

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._file(path).read(size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        file = self._file(path)
        if self.full and offset + len(data) > file.size and self.full.exists():
            raise FuseOSError(errno.ENOSPC)
        self._empty_cache()
        for number in file.write(data, offset):
            if self.early and self.chance.random() < self.early:
                file.write_early(number)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        self._file(path).truncate(length)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        if self.cached:
            self.due.append((monotonic() + self.cached, self._file(path)))
            self._empty_cache()
        else:
            self._file(path).sync()

    def _empty_cache(self) -> None:
        while self.due and self.due[0][0] < monotonic():
            with suppress(OSError):  # deleted meanwhile
                self.due.popleft()[1].sync()

    def fsyncdir(self, path: str, datasync: int, fh: int) -> None:
        """Names are on the platter already."""

    # --- Names ----------------------------------------------------------------------------

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        status = os.lstat(self._at(path))
        found = {name: getattr(status, name) for name in _ATTRIBUTES}
        if stat.S_ISREG(status.st_mode) and path in self.files:
            found["st_size"] = self.files[path].size
        found["st_blocks"] = (found["st_size"] + 511) // 512
        return found

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(found.name for found in Path(self._at(path)).iterdir())]

    def open(self, path: str, flags: int) -> int:
        if flags & os.O_TRUNC:
            self._file(path).truncate(0)
        return 0

    def create(self, path: str, mode: int, fi: object = None) -> int:
        os.close(os.open(self._at(path), os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
        self._own(path)
        return 0

    def mkdir(self, path: str, mode: int) -> None:
        Path(self._at(path)).mkdir(mode)
        self._own(path)

    def symlink(self, target: str, source: str) -> None:
        Path(self._at(target)).symlink_to(source)
        self._own(target)

    def _own(self, path: str) -> None:
        uid, gid, _ = fuse_get_context()
        os.lchown(self._at(path), uid, gid)

    def rename(self, old: str, new: str) -> None:
        Path(self._at(old)).rename(self._at(new))
        self._forget(new)
        for path in [p for p in self.files if p == old or p.startswith(f"{old}/")]:
            self.files[new + path[len(old) :]] = self.files.pop(path)

    def unlink(self, path: str) -> None:
        Path(self._at(path)).unlink()
        self._forget(path)

    def rmdir(self, path: str) -> None:
        Path(self._at(path)).rmdir()

    def readlink(self, path: str) -> str:
        return str(Path(self._at(path)).readlink())

    def chmod(self, path: str, mode: int) -> None:
        Path(self._at(path)).chmod(mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.lchown(self._at(path), uid, gid)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times)

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self._at(path))
        return {name: getattr(status, name) for name in _SPACE}

    def link(self, target: str, source: str) -> None:
        raise FuseOSError(errno.EPERM)  # two names of one file: nobody here needs them


_ATTRIBUTES = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size")
_SPACE = (
    "f_bavail",
    "f_bfree",
    "f_blocks",
    "f_bsize",
    "f_favail",
    "f_ffree",
    "f_files",
    "f_frsize",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("backing")
    parser.add_argument("mount")
    parser.add_argument("--early", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cached", type=float, default=0)
    parser.add_argument("--full", default="")
    given = parser.parse_args()
    with suppress(ValueError, OSError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.umask(0)
    disk = ForgetfulDisk(
        given.backing, early=given.early, seed=given.seed, cached=given.cached, full=given.full
    )
    # PostgreSQL runs as another user when we are root, who needs to be let in.
    options = {"allow_other": True} if os.geteuid() == 0 else {}
    FUSE(
        disk,
        given.mount,
        foreground=True,
        nothreads=True,
        default_permissions=True,
        big_writes=True,
        **options,
    )


if __name__ == "__main__":
    main()
