"""Files of imports hold what people sent us about customers: they go when nobody needs them.

A file is needed until its import is committed, failed or cancelled, and for some days after that:
its refused lines can be imported again from it. The lines themselves stay in the database.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from crm_project.common.models import Job
from crm_project.common.tidying import Chore, Cleared, register
from crm_project.common.uploads import PREFIX, SUFFIX
from customers.models import ImportBatch

# As `imports.create_batch` names them, and uploads that a killed process left. What is called
# otherwise was put there by somebody else.
_OURS = re.compile(rf"[0-9a-f]{{32}}\.import(\.part)?|{PREFIX}\w{{8}}{re.escape(SUFFIX)}")
_AT_ONCE = 500
_TROUBLES_TOLD = 10
_OVER = [ImportBatch.Status.COMMITTED, ImportBatch.Status.FAILED, ImportBatch.Status.CANCELLED]

logger = structlog.get_logger(__name__)


def clear_files(*, limit: datetime, dry_run: bool) -> Cleared:
    """Remove the files of imports that were over before ``limit``, and older ones of no import.

    Links are not followed, and neither folders nor files with other names are touched.
    """
    folder = Path(settings.CRM_UPLOAD_DIR)
    removed, waiting, troubles = 0, 0, []
    try:
        names = list(_files(folder))
    except FileNotFoundError:
        return Cleared()
    except OSError as error:
        return Cleared(troubles=(f"The folder of uploads cannot be read: {error.strerror}.",))
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        # Locked meanwhile: an import that is begun again waits, then says that its file is gone.
        with transaction.atomic():
            past, unseen = _past(folder, some, limit)
            gone, failed = _remove(folder, past, dry_run=dry_run)
        removed += gone
        troubles += unseen + failed
        waiting += _unfinished(some, limit).count()
    return Cleared(removed, _waiting_in_words(waiting), _shortened(troubles))


def _files(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.name


def _past(folder: Path, names: list[str], limit: datetime) -> tuple[list[str], list[str]]:
    """Return which of these files nobody needs, and lock their imports.

    Also in words which of no import stay because their age cannot be seen.
    """
    owned = set(_batches(names).values_list("file_path", flat=True))
    working = Job.objects.unfinished().filter(kind__startswith="import_")
    at_work = working.values_list("params__batch_id", flat=True)
    over = (
        _batches(names)
        .filter(status__in=_OVER, finished_at__lt=limit)
        .exclude(pk__in=[number for number in at_work if isinstance(number, int)])
        .select_for_update(skip_locked=True, of=("self",))
    )
    of_none, unseen = [], []
    for name in names:
        try:
            if name not in owned and _older(folder / name, limit):
                of_none.append(name)
        except OSError as error:
            unseen.append(f"{name} cannot be looked at: {error.strerror}.")
            logger.warning("upload_not_seen", file=name, error=str(error.strerror))
    return [*over.values_list("file_path", flat=True), *of_none], unseen


def _batches(names: list[str]) -> QuerySet[ImportBatch]:
    return ImportBatch.objects.filter(file_path__in=names).order_by()


def _unfinished(names: list[str], limit: datetime) -> QuerySet[ImportBatch]:
    return _batches(names).filter(created_at__lt=limit).exclude(status__in=_OVER)


def _older(path: Path, limit: datetime) -> bool:
    try:
        return path.lstat().st_mtime < limit.timestamp()
    except FileNotFoundError:
        return False


def _remove(folder: Path, names: list[str], *, dry_run: bool) -> tuple[int, list[str]]:
    """Remove files; return how many, and in words which could not be removed."""
    if dry_run:
        return len(names), []
    removed, troubles = 0, []
    for name in names:
        try:
            (folder / name).unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            troubles.append(f"{name} cannot be removed: {error.strerror}.")
            logger.warning("upload_not_removed", file=name, error=str(error.strerror))
        else:
            removed += 1
    return removed, troubles


def _waiting_in_words(count: int) -> str:
    if not count:
        return ""
    return f"{count:,} older stay: their imports are neither finished nor cancelled."


def _shortened(troubles: list[str]) -> tuple[str, ...]:
    more = len(troubles) - _TROUBLES_TOLD
    told = tuple(troubles[:_TROUBLES_TOLD])
    return (*told, f"So do {more:,} more files.") if more > 0 else told


def register_part() -> None:
    """Have this done every night."""
    goes = "of imports that were over for more than {days} days"
    register(Chore("Files of imports", clear_files, "CRM_KEEP_UPLOAD_DAYS", goes))
