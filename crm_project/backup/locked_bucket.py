"""A bucket with object lock: what was written first under a name is what counts, and it stays.

Such a bucket keeps every version. Whoever may write there can put a newer version or a delete
marker on top of a backup, but not touch the locked one below. Names of backups never come twice,
so the oldest version of an object is ours, and all others are looked through.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from crm_project.backup.bucket import BucketTarget
from crm_project.backup.errors import TargetError
from crm_project.backup.targets import Readable, Stored, Watched


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of an object; ``size`` is None for a delete marker."""

    id: str
    size: int | None
    modified: datetime


class LockedBucketTarget(BucketTarget):
    """Backups that nobody can remove or change before their days are over."""

    def lock(self) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(days=self.options.lock_days)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    def stored(self) -> dict[str, Stored]:
        firsts = {key: _first(versions) for key, versions in self._versions("").items()}
        return {
            key: Stored(first.size or 0, first.modified)
            for key, first in firsts.items()
            if first is not None and "/" not in key
        }

    @contextmanager
    def read(self, key: str) -> Iterator[Readable]:
        first = _first(self._versions(key).get(key, []))
        which = {"VersionId": first.id} if first else {}
        with self.trouble():
            body = self.client.get_object(**self.place(key), **which)["Body"]
        try:
            yield Watched(body, self.trouble)
        finally:
            body.close()

    def delete(self, key: str) -> None:
        """Remove all versions; raises ``TargetError`` with the day until which one is locked."""
        # The oldest first: while it is locked, nothing goes.
        for version in reversed(self._versions(key).get(key, [])):
            try:
                self.client.delete_object(**self.place(key), VersionId=version.id)
            except ClientError as error:
                until = self._locked_until(key, version)
                if until is None:
                    with self.trouble():
                        raise
                raise TargetError(
                    f"It is locked until {until:%Y-%m-%d %H:%M} UTC; the bucket keeps it."
                ) from error

    def _locked_until(self, key: str, version: _Version) -> datetime | None:
        if version.size is None:
            return None
        with self.trouble():
            told = self.client.head_object(**self.place(key), VersionId=version.id)
        until: datetime | None = told.get("ObjectLockRetainUntilDate")
        return until if until and until > datetime.now(UTC) else None

    def _versions(self, key: str) -> dict[str, list[_Version]]:
        """Return all versions of the objects whose key begins so, newest first."""
        found: dict[str, list[_Version]] = {}
        place = self.place(key)
        with self.trouble():
            pages = self.client.get_paginator("list_object_versions").paginate(
                Bucket=place["Bucket"], Prefix=place["Key"]
            )
            for page in pages:
                for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    version = _Version(item["VersionId"], item.get("Size"), item["LastModified"])
                    found.setdefault(self.name(item["Key"]), []).append(version)
        # Stable: what the service lists later is older, also within one second.
        for versions in found.values():
            versions.sort(key=lambda version: version.modified, reverse=True)
        return found


def _first(versions: list[_Version]) -> _Version | None:
    real = [version for version in versions if version.size is not None]
    return real[-1] if real else None
