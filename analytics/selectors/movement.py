"""Who went from which segment to which between two runs, and why."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from analytics.models import RfmMovement, RfmRun, Segment
from customers.models import Customer

REASONS = ("purchase", "ageing", "threshold_drift")


@dataclass(frozen=True, slots=True)
class MovementCell:
    """Customers who were in one segment and are in another (or in the same)."""

    from_segment: Segment
    to_segment: Segment
    customers: int
    purchase: int = 0
    ageing: int = 0
    threshold_drift: int = 0

    @property
    def stayed(self) -> bool:
        return self.from_segment.pk == self.to_segment.pk


@dataclass(frozen=True, slots=True)
class Movement:
    """The from-to matrix of two runs. Empty cells are left out.

    Customers without scores in both runs are not in it; without them in one they are prospects
    there.
    """

    older: RfmRun
    newer: RfmRun
    cells: tuple[MovementCell, ...]

    @property
    def as_of(self) -> date:
        return self.newer.as_of

    @property
    def since(self) -> date:
        return self.older.as_of

    @property
    def stayed(self) -> int:
        return sum(cell.customers for cell in self.cells if cell.stayed)

    @property
    def moved(self) -> int:
        return sum(cell.customers for cell in self.cells if not cell.stayed)

    @property
    def purchase(self) -> int:
        return sum(cell.purchase for cell in self.cells)

    @property
    def ageing(self) -> int:
        return sum(cell.ageing for cell in self.cells)

    @property
    def threshold_drift(self) -> int:
        return sum(cell.threshold_drift for cell in self.cells)


def previous_run(run: RfmRun) -> RfmRun | None:
    """Return the newest readable run of an earlier day than this one's."""
    return RfmRun.objects.kept().filter(as_of__lt=run.as_of).order_by("-as_of", "-pk").first()


def movement(*, older: RfmRun, newer: RfmRun) -> Movement:
    """Compare two runs; what was stored for the pair is used."""
    segments = {segment.pk: segment for segment in Segment.objects.all()}
    cells = _stored(older, newer) or _live(older, newer)
    return Movement(
        older=older,
        newer=newer,
        cells=tuple(
            MovementCell(segments[was], segments[now], *numbers) for was, now, *numbers in cells
        ),
    )


def _stored(older: RfmRun, newer: RfmRun) -> list[tuple[Any, ...]]:
    return list(
        RfmMovement.objects.filter(older=older, newer=newer)
        .order_by("from_segment__position", "to_segment__position")
        .values_list("from_segment_id", "to_segment_id", "customers", *REASONS)
    )


def _live(older: RfmRun, newer: RfmRun) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_MATRIX, [older.pk, newer.pk])
        return list(cursor.fetchall())


_MATRIX = """
    select g.was, g.now, g.customers, g.purchase, g.ageing, g.threshold_drift
    from (
        select
            from_segment_id as was,
            to_segment_id as now,
            count(*) as customers,
            count(*) filter (where reason = 'purchase') as purchase,
            count(*) filter (where reason = 'ageing') as ageing,
            count(*) filter (where reason = 'threshold_drift') as threshold_drift
        from analytics_rfm_movement(%s, %s)
        group by from_segment_id, to_segment_id
    ) as g
    inner join analytics_segment as a on a.id = g.was
    inner join analytics_segment as b on b.id = g.now
    order by a.position, b.position
"""


def movement_customers(
    *,
    older: RfmRun,
    newer: RfmRun,
    from_segment: str | None = None,
    to_segment: str | None = None,
    reason: str | None = None,
) -> QuerySet[Customer]:
    """Return the customers behind a cell of the matrix, or behind a reason.

    Args:
        from_segment: code of the segment in the older run; None: any.
        to_segment: code of the segment in the newer run; None: any.
        reason: ``purchase``, ``ageing`` or ``threshold_drift``; None: any, also who stayed.
    """
    ids = dict(Segment.objects.values_list("code", "pk"))
    conditions, params = ["true"], [older.pk, newer.pk]
    for column, code in (("from_segment_id", from_segment), ("to_segment_id", to_segment)):
        if code is not None:
            conditions.append(f"{column} = %s")
            params.append(ids.get(code, 0))
    chosen: list[Any] = list(params)
    if reason is not None:
        conditions.append("reason = %s")
        chosen.append(reason)
    sql = (
        "select customer_id from analytics_rfm_movement(%s, %s)"  # noqa: S608 - constants only
        f" where {' and '.join(conditions)}"
    )
    return Customer.objects.filter(pk__in=RawSQL(sql, chosen))  # noqa: S611 - parameters are bound
