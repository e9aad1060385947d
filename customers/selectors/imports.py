"""Reads about import batches."""

from collections.abc import Iterator

from crm_project.common import csv_out
from customers.models import ImportBatch, RefusedRow


def refused_csv(*, batch: ImportBatch) -> Iterator[str]:
    """Yield the refused lines of a batch as a CSV file, in the file's order, in fixed memory."""
    rows = RefusedRow.objects.filter(batch=batch).order_by("line_number", "id")
    values = rows.values_list("line_number", "code", "reason", "raw").iterator(chunk_size=2000)
    header = ["file", "line", "code", "reason", "raw"]
    return csv_out.rows(header, ((batch.file_name, *value) for value in values))
