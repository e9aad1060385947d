"""Recompute what the dashboard reads."""

from django.db import connection, transaction

from analytics.models import RevenueByMonth, RfmGrid, RfmMovement, RfmRun, SegmentSummary
from analytics.selectors.freshness import step_of
from analytics.selectors.rfm import current_run, previous_run
from analytics.services.rfm_steps import end_of
from crm_project.common.services import refresh

VIEWS = (SegmentSummary, RfmGrid, RevenueByMonth)


def refresh_dashboards() -> dict[str, int]:
    """Refresh the materialized views and the movement since the last run.

    Returns rows by table. Readers see the old numbers until the new ones are complete.
    """
    rows = {view._meta.db_table: _refresh_view(view._meta.db_table) for view in VIEWS}
    newer = current_run()
    older = previous_run(newer) if newer else None
    if newer and older:
        rows[RfmMovement._meta.db_table] = record_movement(older=older, newer=newer)
    return rows


def _refresh_view(name: str) -> int:
    with (
        refresh.record(step_of(name)) as state,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("select crm_private.refresh_dashboard(%s)", [name])
        state.rows = int(cursor.fetchone()[0])
    return int(state.rows)


def record_movement(*, older: RfmRun, newer: RfmRun) -> int:
    """Store the movement between two runs, unless it is stored. Returns the number of cells."""
    with refresh.record("movement", as_of=end_of(newer.as_of)) as state, transaction.atomic():
        pair = RfmMovement.objects.filter(older=older, newer=newer)
        if not pair.exists():
            with connection.cursor() as cursor:
                cursor.execute(_STORE_MOVEMENT, {"older": older.pk, "newer": newer.pk})
        state.rows = pair.count()
    return int(state.rows)


_STORE_MOVEMENT = """
    insert into analytics_rfmmovement (
        older_id, newer_id, from_segment_id, to_segment_id,
        customers, purchase, ageing, threshold_drift
    )
    select
        %(older)s, %(newer)s, from_segment_id, to_segment_id,
        count(*),
        count(*) filter (where reason = 'purchase'),
        count(*) filter (where reason = 'ageing'),
        count(*) filter (where reason = 'threshold_drift')
    from analytics_rfm_movement(%(older)s, %(newer)s)
    group by from_segment_id, to_segment_id
    on conflict do nothing
"""
