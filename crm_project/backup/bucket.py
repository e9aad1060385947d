"""Backups in a bucket of S3 or of what speaks like it: in parts, joined at the end."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from hashlib import md5
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from crm_project.backup.errors import GoneError, TargetError, TargetFullError
from crm_project.backup.manifest import is_ours
from crm_project.backup.targets import (
    Readable,
    S3Options,
    Stored,
    Swept,
    Upload,
    Watched,
    upper_first,
)

PART_BYTES = 16 * 1024 * 1024
"""Of the first parts. There may be 10,000: every 1,000 parts they become twice as large."""

_REFUSED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "403",
}
_MISSING = {"NoSuchKey", "NoSuchUpload", "404"}
_NO_LOCKS = {"InvalidRequest", "ObjectLockConfigurationNotFoundError"}
_FULL = {"InsufficientCapacity", "XMinioStorageFull", "QuotaExceeded", "507"}


class BucketTarget:
    """A bucket, or what lies under a prefix of it."""

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.options = options
        self.client = _client(options)

    @property
    def words(self) -> str:
        at = f" at {self.options.endpoint}" if self.options.endpoint else ""
        return f"the bucket {self._bucket}{at}"

    def free_bytes(self) -> int | None:
        with self.trouble():
            self.client.head_bucket(Bucket=self._bucket)
        return None

    def start(self, key: str) -> Upload:
        return _BucketUpload(self, self.client, key, self.lock())

    @contextmanager
    def read(self, key: str) -> Iterator[Readable]:
        with self.trouble():
            body = self.client.get_object(**self.place(key))["Body"]
        try:
            yield Watched(body, self.trouble)
        finally:
            body.close()

    def stored(self) -> dict[str, Stored]:
        found = {}
        with self.trouble():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            for page in pages:
                for item in page.get("Contents", []):
                    key = self.name(item["Key"])
                    if key and "/" not in key:
                        found[key] = Stored(item["Size"], item["LastModified"])
        return found

    def delete(self, key: str) -> None:
        with self.trouble():
            self.client.delete_object(**self.place(key))

    def sweep(self, before: datetime) -> Swept:
        with self.trouble():
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            left = [upload for page in pages for upload in page.get("Uploads", [])]
        swept = Swept()
        for upload in left:
            key = self.name(upload["Key"])
            if upload["Initiated"] < before and is_ours(key):
                swept.remove(key, partial(self.abort, key, upload["UploadId"]))
        return swept

    def abort(self, key: str, upload: str) -> None:
        """Remove the parts of an upload that was not finished."""
        with self.trouble():
            self.client.abort_multipart_upload(**self.place(key), UploadId=upload)

    def place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}

    def name(self, key: str) -> str:
        """Return a key of the bucket as one of ours, without the prefix."""
        return key.removeprefix(self._prefix)

    def lock(self) -> dict[str, Any]:
        """Return what a new object is written with, so that it cannot be removed: nothing here."""
        return {}

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Say in words what the service refused, or that there is none."""
        try:
            yield
        except ClientError as error:
            raise self._in_words(error) from error
        except (BotoCoreError, OSError) as error:
            raise TargetError(
                f"{upper_first(self.words)} cannot be reached ({type(error).__name__}). "
                "Look at CRM_BACKUP_URL and CRM_BACKUP_S3_ENDPOINT, and whether the service runs."
            ) from error

    def _in_words(self, error: ClientError) -> TargetError:
        answer = error.response.get("Error", {})
        code = str(answer.get("Code", ""))
        if code in _REFUSED:
            return TargetError(
                f"{upper_first(self.words)} refused the access key, or what it may do ({code}). "
                "Look at CRM_BACKUP_S3_ACCESS_KEY and CRM_BACKUP_S3_SECRET_KEY."
            )
        if code == "NoSuchBucket":
            return TargetError(f"There is no bucket {self._bucket}. Make it first.")
        if code in _MISSING:
            return GoneError(f"What was looked for in {self.words} is not there.")
        if code in _FULL:
            return TargetFullError(f"There is no room left in {self.words} ({code}).")
        if code in _NO_LOCKS:
            return TargetError(
                f"{upper_first(self.words)} was not made with object lock. Make one that was, or "
                "unset CRM_BACKUP_LOCK_DAYS."
            )
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
            return TargetError(
                f"{upper_first(self.words)} failed ({code}). Look at the service's own log, and "
                "whether its disk is full."
            )
        said = str(answer.get("Message", ""))[:200]
        return TargetError(f"{upper_first(self.words)} answered with an error: {code} {said}")


class _BucketUpload:
    """Parts of an object. The service shows it when they are joined, and not before."""

    def __init__(self, target: BucketTarget, client: Any, key: str, lock: dict[str, Any]) -> None:
        self._target = target
        self._client = client
        self._key = key
        self._place = place = target.place(key)
        self._waiting = bytearray()
        self._parts: list[dict[str, Any]] = []
        with target.trouble():
            made = client.create_multipart_upload(
                **place, ContentType="application/octet-stream", **lock
            )
        self._id: str = made["UploadId"]

    def write(self, data: bytes, /) -> int:
        self._waiting += data
        while len(self._waiting) >= self._part_bytes():
            self._send(self._part_bytes())
        return len(data)

    def commit(self) -> None:
        if self._waiting or not self._parts:
            self._send(len(self._waiting))
        with self._target.trouble():
            self._client.complete_multipart_upload(
                **self._place, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )

    def abort(self) -> None:
        # If the service is gone, `sweep` removes the parts later.
        with suppress(TargetError):
            self._target.abort(self._key, self._id)

    def _part_bytes(self) -> int:
        return int(PART_BYTES * 2 ** (len(self._parts) // 1000))

    def _send(self, size: int) -> None:
        number, part = len(self._parts) + 1, bytes(self._waiting[:size])
        with self._target.trouble():
            sent = self._client.upload_part(
                **self._place,
                UploadId=self._id,
                PartNumber=number,
                Body=part,
                # What a bucket with locks demands, and a check of the way there for all others.
                ContentMD5=b64encode(md5(part, usedforsecurity=False).digest()).decode(),
            )
        del self._waiting[:size]
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


def _client(options: S3Options) -> Any:
    """Return a client that gives up within a minute. Empty options: boto3's usual ways."""
    return boto3.client(
        "s3",
        endpoint_url=options.endpoint or None,
        aws_access_key_id=options.access_key or None,
        aws_secret_access_key=options.secret_key or None,
        region_name=options.region or "us-east-1",
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            # Not every service knows the newer checksums; ours is over the whole file.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
