"""The life of an import batch: stored, previewed, committed; or failed, in words.

One transaction per preview or commit. Whatever happens inside, the batch row outside it says how
far it came, and running it again gives the same result.
"""

import hashlib
import os
import time
import uuid
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import DataError, IntegrityError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from crm_project.common.exceptions import ConflictError
from crm_project.common.jobs import JobContext, JobStoppedError, Progress
from customers.importers import registry
from customers.importers.errors import InputError
from customers.importers.options import Options
from customers.models import ImportBatch
from customers.services.import_run import RunResult, run

log = structlog.get_logger(__name__)
_BLOCK = 1 << 20
_ATTEMPTS = 4
_COLUMNS_TOLD = 100
_DEADLOCK, _SERIALIZATION = "40P01", "40001"
Status = ImportBatch.Status


def create_batch(
    *,
    kind: str,
    format: str,
    file: BinaryIO,
    file_name: str,
    source: str = "",
    mode: str = "both",
    on_error: str = "skip",
    options: dict[str, Any] | None = None,
    user: AbstractBaseUser | None = None,
) -> ImportBatch:
    """Store the file under a generated name and make its batch row. Nothing is read yet.

    Raises:
        InputError: an unknown kind, format, mode or option; a file that is empty or too large.
    """
    registry.get_format(kind, format)
    Options.of(options or {})
    source = source.strip() or format
    if len(source) > 50 or not source.isprintable():
        raise InputError("A source is a name of at most 50 characters.")
    if mode not in ImportBatch.Mode.values or on_error not in ImportBatch.OnError.values:
        raise InputError("The mode is create, update or both; on_error is skip or stop.")
    name, size, digest = _store(file)
    return ImportBatch.objects.create(
        kind=kind,
        format=format,
        source=source,
        mode=mode,
        on_error=on_error,
        options={key: value for key, value in (options or {}).items() if value},
        file_name=Path(file_name.replace("\0", "")).name[:255] or "file",
        file_path=name,
        file_size=size,
        file_sha256=digest,
        created_by_id=user.pk if user else None,
    )


def _store(file: BinaryIO) -> tuple[str, int, str]:
    """Copy the file to the upload folder; return its name there, its size and its digest."""
    folder = Path(settings.CRM_UPLOAD_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    name, size, digest = f"{uuid.uuid4().hex}.import", 0, hashlib.sha256()
    part = folder / f"{name}.part"
    try:
        with part.open("wb") as target:
            while block := file.read(_BLOCK):
                size += len(block)
                if size > settings.CRM_UPLOAD_MAX_BYTES:
                    raise InputError(
                        f"The file is larger than {settings.CRM_UPLOAD_MAX_BYTES:,} bytes."
                    )
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        part.rename(folder / name)
    finally:
        part.unlink(missing_ok=True)
    if not size:
        (folder / name).unlink()
        raise InputError("The file is empty.")
    return name, size, digest.hexdigest()


def preview(*, batch_id: int, progress: Progress | None = None) -> ImportBatch:
    """Count what a commit would do, and keep the lines it would refuse. Writes nothing else.

    Raises:
        ConflictError: the batch is committed or cancelled.
        InputError: the file cannot be imported; the batch then says so too.
    """
    return _run(batch_id=batch_id, write=False, progress=progress)


def commit(*, batch_id: int, progress: Progress | None = None) -> ImportBatch:
    """Import the file. A batch that is committed already is given back as it is.

    Raises:
        ConflictError: the batch is cancelled.
        InputError: the file cannot be imported; the batch then says so too.
    """
    return _run(batch_id=batch_id, write=True, progress=progress)


def cancel(*, batch_id: int) -> ImportBatch:
    """Give up a batch that is not committed.

    Raises:
        ConflictError: it is committed, or being imported right now.
    """
    open_batches = ImportBatch.objects.filter(pk=batch_id).exclude(
        status__in=[Status.COMMITTED, Status.IMPORTING]
    )
    if not open_batches.update(status=Status.CANCELLED, finished_at=timezone.now()):
        raise ConflictError("An import that runs or is committed cannot be cancelled.")
    return ImportBatch.objects.get(pk=batch_id)


def import_file(
    *,
    path: Path,
    kind: str,
    format: str,
    source: str = "",
    mode: str = "both",
    on_error: str = "skip",
    options: dict[str, Any] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportBatch:
    """Import a file of the machine. A batch of the same file that was left unfinished goes on.

    Raises:
        InputError: the file cannot be read or imported.
    """
    wanted: dict[str, Any] = {"kind": kind, "format": format, "mode": mode, "on_error": on_error}
    given = {key: value for key, value in (options or {}).items() if value}
    Options.of(given)
    try:
        if path.stat().st_size > settings.CRM_UPLOAD_MAX_BYTES:
            raise InputError(f"The file is larger than {settings.CRM_UPLOAD_MAX_BYTES:,} bytes.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            left = ImportBatch.objects.filter(
                **wanted, source=source.strip() or format, options=given, file_sha256=digest
            ).filter(Q(status__in=_UNFINISHED))
            batch = left.order_by("-created_at").first() or create_batch(
                **wanted, file=file, file_name=path.name, source=source, options=given
            )
    except OSError as error:
        raise InputError(f"The file cannot be read: {error.strerror}.") from error
    work = preview if dry_run else commit
    return work(batch_id=batch.pk, progress=progress)


_UNFINISHED = [Status.UPLOADED, Status.PREVIEWING, Status.PREVIEWED, Status.IMPORTING]


def unfinished(*, kind: str, batch_id: int | None = None) -> ImportBatch:
    """Return the batch to resume: the given one, or the newest that was left unfinished.

    Raises:
        InputError: there is none.
    """
    batches = ImportBatch.objects.filter(kind=kind, status__in=[*_UNFINISHED, Status.FAILED])
    found = batches.filter(**({"pk": batch_id} if batch_id else {"status": Status.IMPORTING}))
    batch = found.order_by("-created_at").first()
    if batch is None:
        raise InputError("There is no unfinished import to resume.")
    return batch


def _run(*, batch_id: int, write: bool, progress: Progress | None) -> ImportBatch:
    batch = ImportBatch.objects.get(pk=batch_id)
    if batch.status == Status.COMMITTED and write:
        return batch
    if batch.status in {Status.COMMITTED, Status.CANCELLED}:
        raise ConflictError(f"The import is {batch.status}.")
    began = Status.IMPORTING if write else Status.PREVIEWING
    claimed = ImportBatch.objects.filter(pk=batch_id).exclude(
        status__in=[Status.COMMITTED, Status.CANCELLED]
    )
    claimed.update(status=began, error="")
    try:
        batch = _with_retries(batch_id, write=write, progress=progress)
    except InputError as error:
        _failed(batch_id, str(error))
        raise
    except JobStoppedError:
        # Given up by a person, or taken over: either way nothing of this run is left.
        ImportBatch.objects.filter(pk=batch_id, status=began).update(status=Status.UPLOADED)
        raise
    except (DataError, IntegrityError) as error:
        _failed(batch_id, "The database cannot hold a value of this file.")
        raise InputError("The database cannot hold a value of this file.") from error
    log.info("import finished", batch=batch.pk, status=batch.status, lines=batch.lines)
    return batch


def _with_retries(batch_id: int, *, write: bool, progress: Progress | None) -> ImportBatch:
    """Run again when the database chose this transaction to end a deadlock."""
    for attempt in range(_ATTEMPTS):
        try:
            return _transaction(batch_id, write=write, progress=progress)
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in {_DEADLOCK, _SERIALIZATION} or attempt == _ATTEMPTS - 1:
                raise
            log.warning("import is tried again", batch=batch_id, sqlstate=state)
            time.sleep(0.2 * 2**attempt)
    raise AssertionError("unreachable")


@transaction.atomic
def _transaction(batch_id: int, *, write: bool, progress: Progress | None) -> ImportBatch:
    # Locked: a second run of the same batch waits here and then finds it committed.
    batch = ImportBatch.objects.select_for_update(of=("self",)).get(pk=batch_id)
    if batch.status in {Status.COMMITTED, Status.CANCELLED}:
        return batch

    def wanted(result: RunResult) -> bool:
        return write and not (batch.on_error == "stop" and result.refused)

    result = run(batch=batch, write=wanted, progress=progress)
    _count(batch, result)
    if write and not wanted(result):
        batch.status = Status.FAILED
        batch.error = f"{batch.refused:,} lines are refused, so nothing was imported."
    else:
        batch.status = Status.COMMITTED if write else Status.PREVIEWED
        batch.error = ""
    batch.finished_at = timezone.now() if write else None
    batch.save()
    return batch


def _count(batch: ImportBatch, result: RunResult) -> None:
    outcome = result.outcome
    batch.lines = result.lines
    batch.new, batch.changed = outcome.new, outcome.changed
    batch.unchanged, batch.skipped = outcome.unchanged, outcome.skipped
    batch.refused = result.refused.total()
    batch.summary = {
        **outcome.summary,
        "refused_by_reason": dict(result.refused.most_common()),
        "ignored_columns": list(result.unknown_columns[:_COLUMNS_TOLD]),
    }


def _failed(batch_id: int, message: str) -> None:
    ImportBatch.objects.filter(pk=batch_id).update(
        status=Status.FAILED, error=message, finished_at=timezone.now()
    )


# --- As background jobs ---------------------------------------------------------------------


def preview_job(context: JobContext) -> dict[str, Any]:
    """Handle a job of kind ``import_preview`` with the parameter ``batch_id``."""
    return _result(preview(batch_id=context.params["batch_id"], progress=context.progress))


def commit_job(context: JobContext) -> dict[str, Any]:
    """Handle a job of kind ``import_commit`` with the parameter ``batch_id``."""
    return _result(commit(batch_id=context.params["batch_id"], progress=context.progress))


def _result(batch: ImportBatch) -> dict[str, Any]:
    names = ("status", "lines", "new", "changed", "unchanged", "refused", "skipped")
    return {"batch_id": batch.pk, **{name: getattr(batch, name) for name in names}}
