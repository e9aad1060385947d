"""Reads about import batches."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from crm_project.common import csv_out
from customers.models import ImportBatch, RefusedRow


def refused_csv(*, batch: ImportBatch) -> Iterator[str]:
    """Yield the refused lines of a batch as a CSV file, in the file's order, in fixed memory."""
    rows = RefusedRow.objects.filter(batch=batch).order_by("line_number", "id")
    values = rows.values_list("line_number", "code", "reason", "raw").iterator(chunk_size=2000)
    header = ["file", "line", "code", "reason", "raw"]
    return csv_out.rows(header, ((batch.file_name, *value) for value in values))


def stored_file(*, batch: ImportBatch) -> Path:
    """Return where the file of a batch lies, or lay."""
    return Path(settings.CRM_UPLOAD_DIR) / batch.file_path


def gone_in_words(*, batch: ImportBatch) -> str:
    """Say that the file of a batch is no longer there; empty as long as it is."""
    with contextlib.suppress(OSError):
        if stored_file(batch=batch).is_file():
            return ""
    days = settings.CRM_KEEP_UPLOAD_DAYS
    why = f": files are removed {days} days after their import is over" if days else ""
    return f"The file of this import is no longer kept{why}. Upload it again if it is needed."
