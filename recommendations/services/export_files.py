"""The file of an export: written once, kept packed, given out byte by byte as it was hashed."""

import gzip
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crm_project.common import csv_out
from crm_project.common.exceptions import CrmError
from crm_project.common.services.tidying import remove
from crm_project.common.tidying import Chore, Cleared, register
from recommendations.models import RecoExport, RecoExportFile

COLUMNS = (
    "customer", "name", "language", "address", "rank", "product", "label", "scenario", "score",
    "price", "item",
)  # fmt: skip
"""Columns of the file. ``address`` belongs to the campaign's channel."""

_PART = 64 * 1024


@dataclass(frozen=True, slots=True)
class Packed:
    """The file packed by gzip, and size, hash and lines of the CSV itself."""

    content: bytes
    size: int
    sha256: str
    rows: int


def pack_rows(rows: Iterable[Sequence[Any]]) -> Packed:
    """Return the file of these rows. Never more than the packed file is held in memory.

    What a spreadsheet would run gets an apostrophe in front (``csv_out``), telephone numbers
    too, as they begin with ``+``.
    """
    digest = hashlib.sha256()
    buffer = io.BytesIO()
    size = count = 0
    # No time and no name go into the header: the same rows give the same bytes.
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as packer:
        for line in csv_out.rows(COLUMNS, rows):
            content = line.encode()
            packer.write(content)
            digest.update(content)
            size += len(content)
            count += 1
    return Packed(buffer.getvalue(), size, digest.hexdigest(), count - 1)


def read_file(*, export: RecoExport) -> Iterator[bytes]:
    """Return the file as it left, part by part.

    Raises ``CrmError`` when it is kept no longer, or is not what was hashed.
    """
    stored = RecoExportFile.objects.filter(export=export).first()
    if stored is None:
        raise CrmError(
            f"The file of export {export.pk} is kept no longer; its manifest and rows are."
        )
    packed = bytes(stored.packed)
    digest = hashlib.sha256()
    for part in _parts(packed):
        digest.update(part)
    if digest.hexdigest() != export.sha256:
        raise CrmError(f"The file of export {export.pk} is not the one that was hashed.")
    return _parts(packed)


def _parts(packed: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as reader:
        while part := reader.read(_PART):
            yield part


def clear_files(*, limit: datetime, dry_run: bool) -> Cleared:
    """Remove files of exports made before ``limit``: they hold addresses. The manifests stay."""
    files = RecoExportFile.objects.filter(export__created_at__lt=limit).order_by("pk")
    return Cleared(remove(rows=files, dry_run=dry_run))


def register_part() -> None:
    """Have old files removed every night. Zero days: with the next night."""
    register(Chore("Files of exports", clear_files, "CRM_EXPORT_FILE_DAYS", zero_keeps=False))


def write_file(*, export: RecoExport, path: Path) -> None:
    """Write the file of an export to a place; half of it never stands there.

    Raises ``CrmError`` when the place cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(read_file(export=export))
        part.replace(path)
    except OSError as error:
        raise CrmError(f"{path} cannot be written: {error.strerror}.") from error
