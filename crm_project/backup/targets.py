"""Where backups are kept: a folder or a bucket, named by a URL, used in one way."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import unquote, urlsplit

from crm_project.backup.errors import BackupError, GoneError, TargetError


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as it lies there."""

    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """What died on the way and was removed, and what was refused: key → why, in words."""

    gone: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def remove(self, key: str, how: Callable[[], object]) -> None:
        """Remove one, and note what came of it: what stays must not keep the rest."""
        try:
            how()
        except GoneError:
            return
        except TargetError as error:
            self.refused[key] = str(error)
        else:
            self.gone.append(key)


class Readable(Protocol):
    """A stream of bytes; ``read`` returns nothing at its end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Watched:
    """A stream whose own troubles are said in a target's words; its reader's are none of them."""

    def __init__(self, stream: Readable, trouble: Callable[[], AbstractContextManager[None]]):
        self._stream = stream
        self._trouble = trouble

    def read(self, size: int = -1, /) -> bytes:
        with self._trouble():
            return self._stream.read(size)


class Upload(Protocol):
    """An object that is being written. It is not there before ``commit``, whatever happens."""

    def write(self, data: bytes, /) -> int: ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class Target(Protocol):
    """A place for backups. Every method raises ``TargetError`` in words when it cannot."""

    @property
    def words(self) -> str:
        """Return what people call it; without secrets."""
        ...

    def free_bytes(self) -> int | None:
        """Return the room that is left; None: it has no end that could be asked for."""
        ...

    def start(self, key: str) -> Upload:
        """Begin an object. Use ``writing``, which ends it in every case."""
        ...

    def read(self, key: str) -> AbstractContextManager[Readable]:
        """Open an object."""
        ...

    def stored(self) -> dict[str, Stored]:
        """Return the finished objects by key."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    def sweep(self, before: datetime) -> Swept:
        """Remove what uploads of ours that died before a moment left behind."""
        ...


@contextmanager
def writing(target: Target, key: str) -> Iterator[Upload]:
    """Write one object: it is there in whole after the block, or not at all."""
    upload = target.start(key)
    try:
        yield upload
        upload.commit()
    except BaseException:
        upload.abort()
        raise


def upper_first(words: str) -> str:
    """Begin a sentence with these words; paths in them stay as they are."""
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach a bucket; what is empty, boto3 finds out in its usual ways."""

    endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""
    region: str = ""
    lock_days: int = 0


def refused(url: str) -> str:
    """Return in words why a URL is no place for backups; empty: it is one."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return ""
    if parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc:
        return ""
    # Of what is wrong only the kind is told: a password may stand in it.
    return (
        f"CRM_BACKUP_URL {parts.scheme + '://…' if parts.scheme else '(without a kind)'} is no "
        "place for backups. Give file:///folder (three slashes) or s3://bucket/prefix."
    )


def open_target(url: str, s3: S3Options | None = None) -> Target:
    """Return the target of a URL: ``file:///folder`` or ``s3://bucket/prefix``.

    Nothing is asked or made yet. Raises ``BackupError`` for another kind of URL.
    """
    if words := refused(url):
        raise BackupError(words)
    parts = urlsplit(url)
    # Imported late: boto3 takes a third of a second, and few processes make backups.
    if parts.scheme == "file":
        from crm_project.backup.folder import FolderTarget  # noqa: PLC0415 - it needs this module

        return FolderTarget(unquote(parts.path))
    from crm_project.backup.bucket import BucketTarget  # noqa: PLC0415 - boto3 is slow to load
    from crm_project.backup.locked_bucket import LockedBucketTarget  # noqa: PLC0415 - boto3 is slow to load

    options = s3 or S3Options()
    kind = LockedBucketTarget if options.lock_days else BucketTarget
    return kind(parts.netloc, parts.path.strip("/"), options)
