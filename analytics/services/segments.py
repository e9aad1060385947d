"""Change the map from score codes to segments, as a whole."""

from collections.abc import Mapping
from typing import Any

import pghistory
from django.db import transaction

from analytics.models import Segment, SegmentCell
from analytics.scoring import segments as rules
from crm_project.common.exceptions import CrmError


class SegmentMapError(CrmError):
    """The segment map must give each of the 125 codes exactly one segment."""


@transaction.atomic
def save_map(*, cells: Mapping[str, str], user: Any = None) -> int:
    """Replace the map; the next run uses it. Returns how many codes changed their segment.

    Args:
        cells: all 125 codes, like ``{"555": "champions", …}``.
        user: who did it, for the history.

    Raises ``SegmentMapError`` with a sentence for each problem; then nothing was changed.
    """
    segments = {segment.code: segment for segment in Segment.objects.all()}
    _check(cells, known=segments)
    # Locked in order: of two people who save at once, the second waits and wins as a whole.
    before = {cell.code: cell for cell in SegmentCell.objects.select_for_update().order_by("code")}
    changed = []
    for code, wanted in cells.items():
        cell = before.get(code)
        if cell is not None and cell.segment_id != segments[wanted].pk:
            cell.segment = segments[wanted]
            changed.append(cell)
    missing = [
        SegmentCell(code=code, segment=segments[wanted])
        for code, wanted in cells.items()
        if code not in before
    ]
    context = {"user": user.pk} if user is not None else {}
    with pghistory.context(**context):
        SegmentCell.objects.bulk_create(missing)
        SegmentCell.objects.bulk_update(changed, ["segment"])
    return len(changed) + len(missing)


def _check(cells: Mapping[str, str], *, known: Mapping[str, Segment]) -> None:
    found = rules.problems(cells)
    unknown = sorted({code for code in cells.values() if code not in known})
    if unknown:
        found.append(f"There is no segment called {', '.join(unknown)}.")
    if rules.PROSPECTS in cells.values():
        found.append("Prospects have no scores, so no code may lead to them.")
    if found:
        raise SegmentMapError(" ".join(found))


def current_map() -> dict[str, str]:
    """Return the map as it is now: score code to segment code."""
    return dict(SegmentCell.objects.values_list("code", "segment__code"))


@transaction.atomic
def install_defaults() -> bool:
    """Install the default segments and map where there are none. Returns whether it did."""
    if Segment.objects.exists():
        return False
    for position, default in enumerate(rules.DEFAULTS, start=1):
        segment = Segment.objects.create(
            code=default.code,
            name=default.name,
            description=default.description,
            advice=default.advice,
            colour=default.colour,
            position=position,
        )
        SegmentCell.objects.bulk_create(
            [SegmentCell(code=code, segment=segment) for code in default.cells.split()]
        )
    return True
