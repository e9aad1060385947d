"""The steps of a scoring run, each one call into ``analytics/sql/``."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from analytics.models import RfmRun, Segment
from analytics.scoring import rfm as rules
from analytics.scoring.segments import ALL_CODES, PROSPECTS

_LOCK = 7_264_001
"""The advisory lock of scoring runs; any number that nothing else uses."""


def lock() -> bool:
    """Take the lock of scoring runs until the transaction ends; False: another run has it."""
    return bool(_one("select pg_try_advisory_xact_lock(%s)", [_LOCK])[0])


def end_of(day: date) -> datetime:
    """Return the end of a local day, that is the beginning of the next."""
    # Built from the wall clock: a day with a clock change has 23 or 25 hours.
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def gather(run: RfmRun) -> str:
    """Choose where the values come from: ``totals`` or ``orders``."""
    since = end_of(run.as_of - timedelta(days=run.window_days)) if run.window_days else None
    row = _one("select crm_private.rfm_gather(%s, %s, %s)", [run.pk, since, end_of(run.as_of)])
    return str(row[0])


def find_cuts(run: RfmRun) -> rules.Cuts:
    """Return this run's quantiles; empty if there is nobody to score."""
    recency, frequency, monetary = _one(
        "select * from crm_private.rfm_cuts(%s, %s, %s, %s)",
        [run.pk, run.source, run.as_of, run.time_zone],
    )
    return rules.Cuts(
        recency_days=tuple(recency or ()),
        frequency=tuple(frequency or ()),
        monetary=tuple(monetary or ()),
    )


def fill(run: RfmRun, cuts: rules.Cuts | None, cells: Mapping[str, str]) -> int:
    """Write the scores of the run into its table. Returns how many customers were scored."""
    ids = dict(Segment.objects.values_list("code", "id"))
    segments = [ids[cells[code]] for code in ALL_CODES]
    common = [run.pk, run.source, run.as_of, run.time_zone]
    if cuts is None:
        sql = "select crm_private.rfm_fill_ntile(%s, %s, %s, %s, %s::smallint[])"
        return int(_one(sql, [*common, segments])[0])
    sql = (
        "select crm_private.rfm_fill(%s, %s, %s, %s, %s::int[], %s::int[], %s::numeric[],"
        " %s::smallint[])"
    )
    lists = [list(cuts.recency_days), list(cuts.frequency), list(cuts.monetary)]
    return int(_one(sql, [*common, *lists, segments])[0])


def call(function: str, run: RfmRun) -> Any:
    """Call one of the functions that take only the run."""
    return _one(f"select crm_private.{function}(%s)", [run.pk])[0]


def count(run: RfmRun, cuts: rules.Cuts | None) -> None:
    """Fill in what the run says about itself: counts, sums, cut points."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [run.pk])
        groups = cursor.fetchall()
    run.scored = sum(group[1] for group in groups)
    run.fingerprint = {
        "recency_days": sum(int(group[2]) for group in groups),
        "frequency": sum(int(group[3]) for group in groups),
        "monetary": str(sum((group[4] for group in groups), Decimal(0))),
    }
    customers, run.left_out = _one(_CUSTOMERS, [end_of(run.as_of)])
    run.prospects = max(0, customers - run.left_out - run.scored)
    found = {code: customers for code, customers, *_ in groups}
    run.segment_counts = {
        code: found.get(code, 0) if code != PROSPECTS else run.prospects
        for code in Segment.objects.values_list("code", flat=True)
    }
    run.cuts = cuts_to_json(_tops_of_tiles(run) if cuts is None else cuts)


_COUNTS = """
    select s.code, g.customers, g.recency_days, g.frequency, g.monetary
    from (
        select
            segment_id,
            count(*) as customers,
            sum(recency_days) as recency_days,
            sum(frequency) as frequency,
            sum(monetary) as monetary
        from analytics_rfmscore
        where run_id = %s
        group by segment_id
    ) as g
    inner join analytics_segment as s on s.id = g.segment_id
"""

_CUSTOMERS = """
    select count(*), count(*) filter (where is_test or status <> 'active')
    from customers_customer
    where registered_at is null or registered_at < %s
"""


def _tops_of_tiles(run: RfmRun) -> rules.Cuts:
    """Return the largest value of each of the four lower fifths: mode ntile has no real cuts."""
    with connection.cursor() as cursor:
        cursor.execute(_TOPS, {"run": run.pk})
        tops = cursor.fetchall()
    return rules.Cuts(
        *(tuple(row[place] for row in tops if row[place] is not None) for place in range(3))
    )


_TOPS = """
    select
        max(recency_days) filter (where r = 6 - tile),
        max(frequency) filter (where f = tile),
        max(monetary) filter (where m = tile)
    from analytics_rfmscore cross join generate_series(1, 4) as tile
    where run_id = %(run)s
    group by tile
    order by tile
"""


def cuts_to_json(cuts: rules.Cuts) -> dict[str, list[Any]]:
    """Return cut points as the run stores them; money as text, so that no penny is lost."""
    return {
        "recency_days": list(cuts.recency_days),
        "frequency": list(cuts.frequency),
        "monetary": [str(cut) for cut in cuts.monetary],
    }


def cuts_from_json(stored: Mapping[str, list[Any]]) -> rules.Cuts:
    """Read what ``cuts_to_json`` wrote."""
    return rules.Cuts(
        recency_days=tuple(stored["recency_days"]),
        frequency=tuple(stored["frequency"]),
        monetary=tuple(Decimal(cut) for cut in stored["monetary"]),
    )


def _one(sql: str, params: list[Any] | None = None) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or [])
        row: tuple[Any, ...] = cursor.fetchone()
    return row
