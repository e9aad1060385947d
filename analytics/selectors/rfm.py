"""Read the scores: by segment, as a grid, and of one customer.

Everything says as of which day it holds, and takes a run; without one it reads the current run.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from analytics.models import RfmGrid, RfmRun, RfmScore, Segment, SegmentSummary
from analytics.scoring.segments import PROSPECTS
from analytics.selectors.movement import (
    Movement,
    MovementCell,
    movement,
    movement_customers,
    previous_run,
)
from customers.models import Customer

__all__ = [
    "Movement",
    "MovementCell",
    "current_run",
    "customer_history",
    "customers_in_segment",
    "heat_map",
    "movement",
    "movement_customers",
    "previous_run",
    "prospects_among",
    "segment_summary",
    "top_customers",
]

ZERO = Decimal("0.00")


def current_run() -> RfmRun | None:
    """Return the run that everybody sees; None before the first."""
    return RfmRun.objects.filter(is_current=True).first()


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment of a run. Shares are of 1; medians are None where nobody is in it."""

    segment: Segment
    customers: int
    customer_share: float
    net_total: Decimal
    net_share: float
    median_recency_days: int | None = None
    median_frequency: int | None = None
    median_monetary: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """All segments, the best first, prospects last. Shares of customers include prospects."""

    run: RfmRun
    as_of: date
    rows: tuple[SegmentRow, ...]

    @property
    def customers(self) -> int:
        return sum(row.customers for row in self.rows)

    @property
    def net_total(self) -> Decimal:
        return sum((row.net_total for row in self.rows), ZERO)


Figures = tuple[int, Decimal, int, int, Decimal]
"""Of one segment: customers, money, median days, median orders, median money."""


def segment_summary(*, run: RfmRun | None = None) -> Summary | None:
    """Return customers and money by segment; None while nothing has been scored."""
    run = run or current_run()
    if run is None:
        return None
    figures = _stored_figures(run) or _live_figures(run)
    scored = sum(found[0] for found in figures.values())
    everybody = scored + (run.prospects or 0)
    money = sum((found[1] for found in figures.values()), ZERO)
    rows = []
    for segment in Segment.objects.all():
        customers, net, *medians = figures.get(segment.pk, (0, ZERO, None, None, None))
        if segment.code == PROSPECTS:
            customers = run.prospects or 0
        rows.append(
            SegmentRow(
                segment,
                customers,
                customers / everybody if everybody else 0.0,
                net,
                float(net / money) if money else 0.0,
                *medians,
            )
        )
    return Summary(run=run, as_of=run.as_of, rows=tuple(rows))


def _stored_figures(run: RfmRun) -> dict[int, Figures]:
    """Read the materialized view, if it describes this run."""
    if not _is_filled(SegmentSummary._meta.db_table):
        return {}
    return {
        row.segment_id: (
            row.customers,
            row.net_total,
            row.median_recency_days,
            row.median_frequency,
            row.median_monetary,
        )
        for row in SegmentSummary.objects.filter(run=run)
    }


def _live_figures(run: RfmRun) -> dict[int, Figures]:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, [run.pk])
        return {segment: tuple(rest) for segment, *rest in cursor.fetchall()}


_FIGURES = """
    select
        segment_id,
        count(*),
        sum(monetary),
        percentile_disc(0.5) within group (order by recency_days),
        percentile_disc(0.5) within group (order by frequency),
        percentile_disc(0.5) within group (order by monetary)
    from analytics_rfmscore
    where run_id = %s
    group by segment_id
"""


def _is_filled(view: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select relispopulated from pg_class where oid = %s::regclass", [view])
        return bool(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class HeatCell:
    r: int
    f: int
    customers: int
    net_total: Decimal


@dataclass(frozen=True, slots=True)
class HeatMap:
    """25 cells, R from 5 to 1 and in it F from 1 to 5."""

    run: RfmRun
    as_of: date
    cells: tuple[HeatCell, ...]


def heat_map(*, run: RfmRun | None = None) -> HeatMap | None:
    """Return customers and money by recency and frequency; None while nothing was scored."""
    run = run or current_run()
    if run is None:
        return None
    found = _stored_cells(run) or _live_cells(run)
    cells = tuple(
        HeatCell(r, f, *found.get((r, f), (0, ZERO))) for r in range(5, 0, -1) for f in range(1, 6)
    )
    return HeatMap(run=run, as_of=run.as_of, cells=cells)


def _stored_cells(run: RfmRun) -> dict[tuple[int, int], tuple[int, Decimal]]:
    if not _is_filled(RfmGrid._meta.db_table):
        return {}
    grouped = (
        RfmGrid.objects.filter(run=run)
        .values("r", "f")
        .annotate(people=Sum("customers"), money=Sum("net_total"))
    )
    return {(row["r"], row["f"]): (row["people"], row["money"]) for row in grouped}


def _live_cells(run: RfmRun) -> dict[tuple[int, int], tuple[int, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select r, f, count(*), sum(monetary) from analytics_rfmscore"
            " where run_id = %s group by r, f",
            [run.pk],
        )
        return {(r, f): (people, money) for r, f, people, money in cursor.fetchall()}


def customers_in_segment(*, segment: str, run: RfmRun | None = None) -> QuerySet[Customer]:
    """Return the customers of one segment (also of the prospects) in a run."""
    run = run or current_run()
    if run is None:
        return Customer.objects.none()
    if segment == PROSPECTS:
        return prospects_among(Customer.objects.all(), run=run)
    scores = RfmScore.objects.filter(run_id=run.pk, customer_id=OuterRef("pk"))
    wanted = Segment.objects.filter(code=segment).first()
    if wanted is None:
        return Customer.objects.none()
    return Customer.objects.filter(Exists(scores.filter(segment_id=wanted.pk)))


def prospects_among(customers: QuerySet[Customer], *, run: RfmRun) -> QuerySet[Customer]:
    """Return those of ``customers`` whom the run could have scored, but who had no sale.

    Looks each customer up instead of joining all scores: a page of a list then reads until it is
    full, where a join would first read a million rows.
    """
    score = RfmScore.objects.filter(run_id=run.pk, customer_id=OuterRef("pk")).values("run_id")
    # Who registered later was not there; without the date of it, everybody counts.
    later = timezone.make_aware(datetime.combine(run.as_of + timedelta(days=1), time.min))
    return customers.alias(scored_in=Subquery(score[:1])).filter(
        Q(registered_at__isnull=True) | Q(registered_at__lt=later),
        scored_in__isnull=True,
        status=Customer.Status.ACTIVE,
        is_test=False,
    )


def top_customers(*, run: RfmRun | None = None, limit: int = 10) -> list[RfmScore]:
    """Return the customers who brought the most money, with customer and segment loaded."""
    run = run or current_run()
    if run is None:
        return []
    best = RfmScore.objects.filter(run_id=run.pk).order_by("-monetary", "customer_id")
    return list(best.select_related("customer", "segment")[:limit])


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What one run said about a customer; without scores they were a prospect."""

    run_id: int
    as_of: date
    segment: Segment
    score: RfmScore | None


@dataclass(frozen=True, slots=True)
class CustomerHistory:
    """A customer's way through the segments, the newest point first.

    ``changed_at`` is the day of the first run that gave the current segment; ``previous`` the
    segment before it. Both are None for a customer who never changed.
    """

    as_of: date | None
    current: Segment | None
    previous: Segment | None
    changed_at: date | None
    points: tuple[HistoryPoint, ...]


def customer_history(*, customer_id: int) -> CustomerHistory:
    """Return the segments of one customer in the runs whose scores are kept, one a day."""
    segments = {segment.pk: segment for segment in Segment.objects.all()}
    prospects = next(s for s in segments.values() if s.code == PROSPECTS)
    scores = {s.run_id: s for s in RfmScore.objects.filter(customer_id=customer_id)}
    points: list[HistoryPoint] = []
    for run in RfmRun.objects.kept().order_by("-as_of", "-pk"):
        if points and points[-1].as_of == run.as_of:
            continue
        score = scores.get(run.pk)
        segment = segments[score.segment_id] if score else prospects
        points.append(HistoryPoint(run.pk, run.as_of, segment, score))
    return _history(tuple(points))


def _history(points: tuple[HistoryPoint, ...]) -> CustomerHistory:
    if not points:
        return CustomerHistory(None, None, None, None, ())
    newest = points[0]
    for earlier, later in zip(points[1:], points, strict=False):
        if earlier.segment != newest.segment:
            return CustomerHistory(
                newest.as_of, newest.segment, earlier.segment, later.as_of, points
            )
    return CustomerHistory(newest.as_of, newest.segment, None, None, points)
