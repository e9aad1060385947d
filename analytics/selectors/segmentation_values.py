"""What segmentations are made of and judged by, read as arrays in the order of the customers."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.utils import timezone

from analytics.models import RfmRun, Segment
from analytics.scoring.segments import ALL_CODES
from analytics.selectors.columns import read_columns
from orders.models import Order

Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Behaviour:
    """Recency in days, orders, money (one row per scored customer), and the segment of each."""

    ids: Ids
    values: Floats
    segments: Numbers


_BEHAVIOUR = """
    select customer_id, recency_days, frequency, monetary::float8, segment_id
    from analytics_rfmscore where run_id = %s order by customer_id
"""


def behaviour(run: RfmRun) -> Behaviour:
    """Return what a run of the scoring says about all its customers."""
    ids, recency, frequency, monetary, segments = read_columns(
        _BEHAVIOUR, [run.pk], ["int8", "int4", "int4", "float8", "int2"]
    )
    return Behaviour(
        ids=ids,
        values=np.column_stack((recency, frequency, monetary)).astype(np.float64),
        segments=segments.astype(np.int64),
    )


def cells_of(run: RfmRun) -> Numbers:
    """Return the segments' keys of the codes 111, 112, … to 555, as the run used them."""
    keys = dict(Segment.objects.values_list("code", "pk"))
    return np.array([keys[run.segment_map[code]] for code in ALL_CODES], dtype=np.int64)


def members(segmentation_id: int) -> tuple[Ids, Numbers]:
    """Return the customers of a segmentation and the number of the group of each."""
    ids, numbers = read_columns(
        "select customer_id, number from analytics_segmentationmember"
        " where segmentation_id = %s order by customer_id",
        [segmentation_id],
        ["int8", "int2"],
    )
    return ids, numbers.astype(np.int64)


def common_members(left_id: int, right_id: int) -> tuple[Ids, Numbers, Numbers]:
    """Return the customers who are in both segmentations, and their numbers in each."""
    ids, left, right = read_columns(
        "select l.customer_id, l.number, r.number"
        " from analytics_segmentationmember as l"
        " inner join analytics_segmentationmember as r on r.customer_id = l.customer_id"
        " where l.segmentation_id = %s and r.segmentation_id = %s order by l.customer_id",
        [left_id, right_id],
        ["int8", "int2", "int2"],
    )
    return ids, left.astype(np.int64), right.astype(np.int64)


_OUTCOMES = """
    select
        customer_id,
        sum(case kind when 'sale' then net_amount else -net_amount end)::float8,
        max(case kind when 'sale' then 1 else 0 end)::int2
    from orders_order
    where
        customer_id is not null
        and status in ('paid', 'fulfilled')
        and ordered_at >= %s
        and ordered_at < %s
    group by customer_id
    order by customer_id
"""


def later_outcomes(ids: Ids, *, as_of: date, days: int) -> tuple[Floats, Floats]:
    """Return net revenue, and 1 or 0 for "bought", of these customers in the days after ``as_of``.

    ``ids`` ascend. Who had no order in the window has 0 in both.
    """
    window = [end_of(as_of), end_of(as_of + timedelta(days=days))]
    who, net, bought = read_columns(_OUTCOMES, window, ["int8", "float8", "int2"])
    rows, found = rows_of(who, ids)
    revenue, bought_at_all = np.zeros(len(ids)), np.zeros(len(ids))
    revenue[found], bought_at_all[found] = net[rows], bought[rows]
    return revenue, bought_at_all


def rows_of(known: Ids, wanted: Ids) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return where in ``known`` those ``wanted`` stand that are there, and which ones those are.

    Both ascend.
    """
    if not len(known):
        return np.empty(0, dtype=np.intp), np.zeros(len(wanted), dtype=np.bool_)
    places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    found = known[places] == wanted
    return places[found], found


def end_of(day: date) -> datetime:
    """Return the end of a local day, that is the beginning of the next."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def known_until() -> date | None:
    """Return the last local day of which all orders can be known; None without orders.

    The day before today, or that of the newest counted order: behind it nothing is known, and no
    order in a later window would mean that nobody bought.
    """
    newest = Order.objects.counted().filter(customer__isnull=False).order_by("-ordered_at").first()
    if newest is None:
        return None
    yesterday = timezone.localdate() - timedelta(days=1)
    return min(yesterday, timezone.localdate(newest.ordered_at))


def last_number(kind: str) -> int:
    """Return the highest number that a group of this kind ever had."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(max(c.number), 0) from analytics_segmentationcluster as c"
            " inner join analytics_segmentation as s on s.id = c.segmentation_id"
            " where s.kind = %s",
            [kind],
        )
        return int(cursor.fetchone()[0])
