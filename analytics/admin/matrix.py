"""The from-to matrix as a page draws it: rows, columns, heat and links to the customers."""

from dataclasses import dataclass

from django.urls import reverse

from analytics.models import RfmRun, Segment
from analytics.selectors.movement import MovementCell, movement


@dataclass(frozen=True, slots=True)
class Square:
    """One cell: how many went this way, and where to read who."""

    customers: int
    heat: int
    stayed: bool
    why: str
    href: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Two runs compared. ``rows`` pairs each older segment with one square per newer one."""

    older: RfmRun
    newer: RfmRun
    columns: list[Segment]
    rows: list[tuple[Segment, list[Square]]]
    moved: int
    stayed: int
    reasons: list[tuple[str, str, int, str]]


def customers_link(
    older: RfmRun, newer: RfmRun, was: str = "", now: str = "", reason: str = ""
) -> str:
    """Return the address of the customer list behind a number of the matrix."""
    moved = ".".join([str(older.pk), str(newer.pk), was, now, reason])
    return f"{reverse('admin:customers_customer_changelist')}?moved={moved}"


def matrix(*, older: RfmRun, newer: RfmRun) -> Matrix:
    """Compare two runs for the page."""
    found = movement(older=older, newer=newer)
    cells = {(cell.from_segment.pk, cell.to_segment.pk): cell for cell in found.cells}
    segments = list(Segment.objects.all())
    most = max((cell.customers for cell in found.cells if not cell.stayed), default=1)
    rows = [
        (was, [_square(older, newer, was, now, cells.get((was.pk, now.pk)), most)
               for now in segments])
        for was in segments
    ]  # fmt: skip
    reasons = [
        ("purchase", "bought", found.purchase, "a sale after the older day, or a late one"),
        ("ageing", "grew older", found.ageing, "no purchase, more days since the last one"),
        ("threshold_drift", "were overtaken", found.threshold_drift,
         "nothing changed but the cut points or the map"),
    ]  # fmt: skip
    return Matrix(
        older=older,
        newer=newer,
        columns=segments,
        rows=rows,
        moved=found.moved,
        stayed=found.stayed,
        reasons=[
            (words, note, number, customers_link(older, newer, reason=code))
            for code, words, number, note in reasons
        ],
    )


def _square(
    older: RfmRun,
    newer: RfmRun,
    was: Segment,
    now: Segment,
    cell: MovementCell | None,
    most: int,
) -> Square:
    if cell is None:
        return Square(0, 0, was.pk == now.pk, "", "")
    why = f"{cell.purchase} bought, {cell.ageing} aged, {cell.threshold_drift} overtaken"
    return Square(
        customers=cell.customers,
        heat=10 if cell.stayed else min(100, 12 + 88 * cell.customers // most),
        stayed=cell.stayed,
        why=f"{was.name} → {now.name}: " + ("stayed" if cell.stayed else why),
        href=customers_link(older, newer, was.code, now.code),
    )
