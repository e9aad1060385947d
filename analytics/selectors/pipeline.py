"""Runs of the pipeline: who is at work, what can be resumed, and what the steps read."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from analytics.models import PipelineRun, PipelineStep, RfmRun

LOCK = 7_264_100
"""The advisory lock of the pipeline; any number that nothing else uses."""


def somebody_is_at_work() -> bool:
    """Whether any process holds the pipeline's lock in this database."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [LOCK])
        return bool(cursor.fetchone()[0])


def lock_is_ours() -> bool:
    """Whether this connection still holds the lock: it goes when the connection does."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_HELD} and pid = pg_backend_pid()", [LOCK])
        return bool(cursor.fetchone()[0])


_HELD = """
    select count(*) > 0 from pg_locks
    where locktype = 'advisory' and classid = 0 and objid = %s and objsubid = 1 and granted
        and database = (select oid from pg_database where datname = current_database())
"""


def at_work() -> PipelineRun | None:
    """Return the run that a process is working on now."""
    if not somebody_is_at_work():
        return None
    running = PipelineRun.objects.filter(status=PipelineRun.Status.RUNNING)
    return running.select_related("created_by").order_by("-id").first()


def shown_status(run: PipelineRun, *, working: bool | None = None) -> str:
    """Return the status for people: a run that nobody works on is not running.

    Args:
        working: whether anybody holds the lock, where that is known already.
    """
    if run.status != PipelineRun.Status.RUNNING:
        return str(run.status)
    held = somebody_is_at_work() if working is None else working
    return str(PipelineRun.Status.RUNNING if held else PipelineRun.Status.INTERRUPTED)


def in_words(run: PipelineRun) -> str:
    """Say who runs the pipeline since when, for somebody who wanted to."""
    who = run.created_by.get_username() if run.created_by else run.get_origin_display()
    since = timezone.localtime(run.resumed_at or run.started_at)
    step = run.steps.filter(status=PipelineStep.Status.RUNNING).first()
    now = f", now at the step {step.name}" if step else ""
    return (
        f"The pipeline is being run as of {run.as_of:%Y-%m-%d} by {who},"
        f" since {since:%Y-%m-%d %H:%M}{now} (run {run.pk})."
    )


def newest_run() -> PipelineRun | None:
    return PipelineRun.objects.order_by("-id").first()


def current_day() -> Any:
    """Return the day that people see now: that of the current RFM run; None before the first."""
    return RfmRun.objects.filter(is_current=True).values_list("as_of", flat=True).first()


def fingerprint(names: tuple[str, ...], *, until: datetime) -> dict[str, str]:
    """Return a short text for each kind of input that changes whenever the input does.

    Args:
        names: of ``orders``, ``customers``, ``products``, ``segments``.
        until: orders from this moment on are no input.
    """
    return {name: _SOURCES[name](until) for name in names}


def _rows(sql: str, *params: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return " ".join(str(value) for value in cursor.fetchone())


_SOURCES: dict[str, Callable[[datetime], str]] = {
    "orders": lambda until: _rows(
        "select count(*), max(id), max(updated_at), sum(net_amount),"
        " count(*) filter (where status in ('paid', 'fulfilled'))"
        " from orders_order where ordered_at < %s",
        until,
    ),
    "customers": lambda until: _rows(
        "select count(*), max(id), max(updated_at),"
        " count(*) filter (where is_test or status <> 'active') from customers_customer"
    ),
    "products": lambda until: _rows(
        "select count(*), max(id), max(updated_at) from orders_product"
    ),
    "segments": lambda until: _rows(
        "select md5(string_agg(code || ' ' || segment_id::text, ',' order by code))"
        " from analytics_segmentcell"
    ),
}
