"""Read segmentations: the current ones, movement between two, and a customer's groups."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from analytics.models import (
    CurrentCluster,
    Segmentation,
    SegmentationCluster,
    SegmentationComparison,
)
from crm_project.common.exceptions import CrmError
from customers.models import Customer

KIND_ORDER = list(Segmentation.Kind.values)


def current_segmentations() -> dict[str, Segmentation]:
    """Return what everybody sees, by kind, in the order of the kinds."""
    found = {row.kind: row for row in Segmentation.objects.filter(is_current=True)}
    return {kind: found[kind] for kind in KIND_ORDER if kind in found}


def newest_of(kind: str, *, as_of: date | None = None) -> Segmentation | None:
    """Return the segmentation of a day (the last one made), or the current one."""
    rows = Segmentation.objects.kept().filter(kind=kind)
    rows = rows.filter(is_current=True) if as_of is None else rows.filter(as_of=as_of)
    return rows.order_by("-is_current", "-pk").first()


def previous_segmentation(segmentation: Segmentation) -> Segmentation | None:
    """Return the newest readable one of its kind of an earlier day."""
    earlier = Segmentation.objects.kept().filter(
        kind=segmentation.kind, as_of__lt=segmentation.as_of
    )
    return earlier.order_by("-as_of", "-pk").first()


def newest_comparisons() -> list[SegmentationComparison]:
    """Return the comparisons of the current segmentations, with both sides loaded."""
    rows = SegmentationComparison.objects.filter(left__is_current=True, right__is_current=True)
    return list(rows.select_related("left", "right", "judged").order_by("pk"))


@dataclass(frozen=True, slots=True)
class ClusterMovement:
    """Customers in one group before and in one (perhaps the same) after.

    A number is None for who was not grouped on that day: no order yet, or too little known.
    """

    from_number: int | None
    to_number: int | None
    customers: int

    @property
    def stayed(self) -> bool:
        return self.from_number == self.to_number


@dataclass(frozen=True, slots=True)
class SegmentationMovement:
    """The from-to matrix of two segmentations of one kind. Empty cells are left out."""

    older: Segmentation
    newer: Segmentation
    from_clusters: tuple[SegmentationCluster, ...]
    to_clusters: tuple[SegmentationCluster, ...]
    cells: tuple[ClusterMovement, ...]

    @property
    def stayed(self) -> int:
        return sum(cell.customers for cell in self.cells if cell.stayed)

    @property
    def moved(self) -> int:
        return sum(
            cell.customers
            for cell in self.cells
            if not cell.stayed and None not in (cell.from_number, cell.to_number)
        )

    @property
    def came(self) -> int:
        """Customers who are in a group only in the newer one."""
        return sum(cell.customers for cell in self.cells if cell.from_number is None)

    @property
    def left(self) -> int:
        """Customers who are in a group only in the older one."""
        return sum(cell.customers for cell in self.cells if cell.to_number is None)


_MATRIX = """
    select from_number, to_number, count(*)
    from analytics_segmentation_movement(%s, %s)
    group by from_number, to_number
    order by from_number nulls last, to_number nulls last
"""


def segmentation_movement(*, older: Segmentation, newer: Segmentation) -> SegmentationMovement:
    """Count who went from which group to which.

    Raises ``CrmError`` for two of different kinds, or whose members are gone.
    """
    _check(older, newer)
    with connection.cursor() as cursor:
        cursor.execute(_MATRIX, [older.pk, newer.pk])
        cells = tuple(ClusterMovement(*row) for row in cursor.fetchall())
    clusters = SegmentationCluster.objects.filter(segmentation__in=[older, newer])
    found = list(clusters.order_by("number"))
    return SegmentationMovement(
        older=older,
        newer=newer,
        from_clusters=tuple(each for each in found if each.segmentation_id == older.pk),
        to_clusters=tuple(each for each in found if each.segmentation_id == newer.pk),
        cells=cells,
    )


def _check(older: Segmentation, newer: Segmentation) -> None:
    if older.kind != newer.kind:
        raise CrmError(
            f"One has {older.get_kind_display()}, the other {newer.get_kind_display()};"
            " movement is between two of one kind."
        )
    for row in (older, newer):
        if row.status != Segmentation.Status.SUCCEEDED or row.members_dropped_at:
            raise CrmError(f"Segmentation {row.pk} has no members (or no longer).")


def moved_customers(
    *, older: Segmentation, newer: Segmentation, from_number: int | None, to_number: int | None
) -> QuerySet[Customer]:
    """Return the customers behind one cell of the matrix; None means not grouped there."""
    conditions = []
    params: list[int | None] = [older.pk, newer.pk]
    for column, number in (("from_number", from_number), ("to_number", to_number)):
        conditions.append(f"{column} is not distinct from %s")
        params.append(number)
    sql = (
        "select customer_id from analytics_segmentation_movement(%s, %s)"  # noqa: S608 - constants only
        f" where {' and '.join(conditions)}"
    )
    return Customer.objects.filter(pk__in=RawSQL(sql, params))  # noqa: S611 - parameters are bound


def customers_in_cluster(*, segmentation: Segmentation, number: int) -> QuerySet[Customer]:
    """Return the customers of one group."""
    sql = (
        "select customer_id from analytics_segmentationmember"
        " where segmentation_id = %s and number = %s"
    )
    params: list[Any] = [segmentation.pk, number]
    return Customer.objects.filter(pk__in=RawSQL(sql, params))  # noqa: S611 - parameters are bound


def clusters_of(customer_id: int) -> list[CurrentCluster]:
    """Return a customer's current groups with names and days, in the order of the kinds."""
    rows = CurrentCluster.objects.filter(customer_id=customer_id)
    found = rows.select_related("cluster", "segmentation")
    return sorted(found, key=lambda row: KIND_ORDER.index(row.kind))
