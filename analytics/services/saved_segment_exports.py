"""Hand the members of a segment out as a file, and remember who took it."""

from collections.abc import Iterator

from django.db.models.functions import Now

from analytics.models import SavedSegment, SavedSegmentExport
from analytics.selectors.saved_segments import PERSONAL, member_rows
from crm_project.common import csv_out
from crm_project.common.exceptions import NotReadyError
from crm_project.common.models import User


def export_members(
    *, segment: SavedSegment, user: User | None, way: str, personal: bool, request_id: str = ""
) -> Iterator[str]:
    """Note the export, then return the lines of a CSV file: code, the personal part, since when.

    The note is there before the first line leaves; when the last one has left, it says how many
    there were. Memory does not grow with the members.

    Raises ``NotReadyError`` for a segment that was never built.
    """
    if segment.built_at is None:
        raise NotReadyError("The segment was never built, so nobody is in it yet. Rebuild it.")
    export = SavedSegmentExport.objects.create(
        segment=segment, user=user, way=way, personal=personal, request_id=request_id
    )
    return _lines(export)


def _lines(export: SavedSegmentExport) -> Iterator[str]:
    header = ["code", *(PERSONAL if export.personal else ()), "member_since"]
    rows = -1  # the header
    for line in csv_out.rows(header, member_rows(export.segment, personal=export.personal)):
        yield line
        rows += 1
    SavedSegmentExport.objects.filter(pk=export.pk).update(rows=rows, finished_at=Now())
