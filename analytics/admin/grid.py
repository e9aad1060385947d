"""The 125 score codes as five small maps, one for each M, coloured by segment."""

from dataclasses import dataclass

from analytics.models import RfmRun, Segment, SegmentCell
from analytics.selectors.grid import counts_by_code
from analytics.selectors.rfm import current_run

STEPS = range(1, 6)


@dataclass(frozen=True, slots=True)
class GridCell:
    code: str
    segment: Segment | None
    customers: int


@dataclass(frozen=True, slots=True)
class CellMap:
    """``layers`` pairs each M with rows (R 5 on top) of cells (F from 1 to 5)."""

    run: RfmRun | None
    layers: list[tuple[int, list[tuple[int, list[GridCell]]]]]
    legend: list[tuple[Segment, int]]


def cell_map() -> CellMap:
    """Return the map as it is now, with the customers of the current run."""
    run = current_run()
    counts = counts_by_code(run=run) if run else {}
    segments = {cell.code: cell.segment for cell in SegmentCell.objects.select_related("segment")}

    def cell(r: int, f: int, m: int) -> GridCell:
        code = f"{r}{f}{m}"
        return GridCell(code, segments.get(code), counts.get(code, 0))

    layers = [
        (m, [(r, [cell(r, f, m) for f in STEPS]) for r in reversed(STEPS)]) for m in reversed(STEPS)
    ]
    codes = [segment.pk for segment in segments.values()]
    legend = [(segment, codes.count(segment.pk)) for segment in Segment.objects.all()]
    return CellMap(run=run, layers=layers, legend=legend)
