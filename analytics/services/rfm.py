"""Score all customers, and thin old runs. Readers are never blocked by either.

A run is one transaction: a table of its own is filled, indexed, attached as a partition, and the
pointer moved. Whatever kills it on the way leaves the former scores and a row that says "running",
which the next run sets right.
"""

from datetime import date, timedelta
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.models import RfmRun
from analytics.scoring import rfm as rules
from analytics.scoring.segments import map_hash
from analytics.services import rfm_steps as steps
from analytics.services.dashboards import refresh_dashboards
from analytics.services.segments import current_map
from analytics.services.zone import store_business_zone
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.services import refresh

KEEP_ALL_DAYS = 31
"""Runs of so many days are all kept; of older ones the last of each week."""


def score_rfm(
    *,
    as_of: date | None = None,
    mode: str = RfmRun.Mode.QUANTILE,
    window_days: int | None = None,
    cuts_from: int | None = None,
    make_current: bool = True,
    refresh_views: bool = True,
    user: Any = None,
    progress: Progress | None = None,
) -> RfmRun:
    """Score every customer with a sale as of the end of a local day.

    Args:
        as_of: the day described; by default today in the business's time zone.
        mode: ``quantile`` (cut points of this run), ``fixed``, or ``ntile`` (unstable).
        window_days: count only orders of so many days up to and with ``as_of``.
        cuts_from: in mode ``fixed``, the run whose cut points are used; else the default bins.
        make_current: False for a snapshot of the past that nobody should see as today's.
        refresh_views: also recompute what the dashboard reads.

    Raises ``CrmError`` for arguments that make no sense, and ``ConflictError`` while another run
    is under way.
    """
    day = as_of or timezone.localdate()
    cuts = _given_cuts(mode=mode, cuts_from=cuts_from)
    _check(day=day, mode=mode, window_days=window_days)
    store_business_zone()
    run = RfmRun.objects.create(
        as_of=day,
        mode=mode,
        window_days=window_days,
        cuts_from_id=cuts_from,
        time_zone=settings.TIME_ZONE,
        rules=rules.RULES,
        created_by=user,
    )
    try:
        with refresh.record("rfm", as_of=steps.end_of(day)) as state:
            _fill(run, cuts=cuts, make_current=make_current, progress=progress)
            state.rows = run.scored
    except ConflictError:
        # It never began, so there is nothing to remember.
        run.delete()
        raise
    except BaseException as error:
        _fail(run, error)
        raise
    if refresh_views:
        _tell(progress, 5, "Refreshing the dashboard")
        refresh_dashboards()
    return run


def _check(*, day: date, mode: str, window_days: int | None) -> None:
    if mode not in RfmRun.Mode.values:
        raise CrmError(f"There is no mode {mode!r}. Use one of {', '.join(RfmRun.Mode.values)}.")
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    if window_days is not None and not 1 <= window_days <= 36_500:
        raise CrmError("The window is a number of days from 1 to 36500.")


def _given_cuts(*, mode: str, cuts_from: int | None) -> rules.Cuts | None:
    """Return the cut points that are known before the run; None: they are computed."""
    if cuts_from is not None and mode != RfmRun.Mode.FIXED:
        raise CrmError("Cut points of an earlier run are used in mode fixed only.")
    if mode != RfmRun.Mode.FIXED:
        return None
    if cuts_from is None:
        return rules.FIXED_CUTS
    earlier = RfmRun.objects.succeeded().filter(pk=cuts_from).first()
    if earlier is None or not earlier.cuts.get("frequency"):
        raise CrmError(f"Run {cuts_from} has no cut points to use.")
    return steps.cuts_from_json(earlier.cuts)


def _fill(
    run: RfmRun, *, cuts: rules.Cuts | None, make_current: bool, progress: Progress | None
) -> None:
    """Do the run in one transaction."""
    cells = current_map()
    with transaction.atomic():
        if not steps.lock():
            raise ConflictError("Another scoring run is under way; try again when it is done.")
        _sweep(run)
        timer = _Timer(run, progress)
        run.source = timer.step("gather", "Reading the totals", lambda: steps.gather(run))
        if cuts is None and run.mode == RfmRun.Mode.QUANTILE:
            cuts = timer.step("cuts", "Finding the cut points", lambda: steps.find_cuts(run))
        timer.step("fill", "Scoring", lambda: steps.fill(run, cuts, cells))
        timer.step("key", "Building the key", lambda: steps.call("rfm_seal", run))
        timer.step("analyze", "Telling the planner", lambda: steps.call("rfm_analyze", run))
        timer.step("attach", "Making it readable", lambda: steps.call("rfm_attach", run))
        timer.step("count", "Counting", lambda: steps.count(run, cuts))
        run.segment_map, run.map_hash = cells, map_hash(cells)
        run.timings = timer.seconds
        run.status = RfmRun.Status.SUCCEEDED
        run.finished_at = timezone.now()
        if make_current:
            RfmRun.objects.filter(is_current=True).update(is_current=False)
            run.is_current = True
        run.save()


class _Timer:
    """Runs the steps of a run, tells how far it is, and keeps the seconds of each."""

    def __init__(self, run: RfmRun, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    def step(self, name: str, words: str, work: Any) -> Any:
        _tell(self._progress, len(self.seconds), words)
        started = perf_counter()
        result = work()
        self.seconds[name] = round(perf_counter() - started, 4)
        return result


STEPS = 8
"""Steps of a run, as progress counts them: seven of scoring, and the dashboard."""


def _tell(progress: Progress | None, done: int, message: str) -> None:
    if progress is not None:
        progress(done, STEPS, message)


def _sweep(run: RfmRun) -> None:
    """Close rows of runs that died: who holds the lock knows that nobody else is at work."""
    RfmRun.objects.filter(status=RfmRun.Status.RUNNING, pk__lt=run.pk).update(
        status=RfmRun.Status.FAILED,
        error="It was interrupted; nothing of it remained.",
        finished_at=timezone.now(),
    )


def _fail(run: RfmRun, error: BaseException) -> None:
    words = str(error) if isinstance(error, CrmError) else f"It failed: {type(error).__name__}."
    RfmRun.objects.filter(pk=run.pk).update(
        status=RfmRun.Status.FAILED, error=words, finished_at=timezone.now()
    )


def thin_runs(*, today: date | None = None) -> list[int]:
    """Drop the scores of old runs: all stay for a month, then the last of each ISO week.

    The row of a thinned run stays with its counts; the current run always keeps its scores.
    Returns the runs thinned. One that readers were using is left for the next time.
    """
    oldest_kept = (today or timezone.localdate()) - timedelta(days=KEEP_ALL_DAYS)
    weeks: set[tuple[int, int]] = set()
    thinned = []
    with refresh.record("rfm thinning") as state:
        old = RfmRun.objects.kept().filter(as_of__lt=oldest_kept).order_by("-as_of", "-pk")
        for run in old:
            week = run.as_of.isocalendar()[:2]
            if week in weeks and not run.is_current and _drop_scores(run):
                thinned.append(run.pk)
            weeks.add(week)
        state.rows = len(thinned)
    return thinned


@transaction.atomic
def _drop_scores(run: RfmRun) -> bool:
    if not steps.call("rfm_drop", run):
        return False
    RfmRun.objects.filter(pk=run.pk).update(scores_dropped_at=timezone.now())
    return True
