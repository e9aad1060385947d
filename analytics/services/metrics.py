"""Predict for all customers, and thin old runs. Readers are never blocked by either.

A run computes first and writes at the end: its rows go into a table of its own, this becomes a
partition, and the pointer moves, all in one transaction. Whatever kills it leaves the former
numbers and a row that says "running", which the next run sets right.
"""

from datetime import date, timedelta
from time import perf_counter
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.models import MetricsRun
from analytics.scoring.clv_predict import Numbers, Predictions, predict_shop
from analytics.selectors.pointers import older_than_current
from analytics.selectors.purchase_days import purchase_days
from analytics.services import metrics_steps as steps
from analytics.services.metrics_told import tell
from analytics.services.rfm_steps import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.services import refresh

KEEP_ALL_DAYS = 31
"""Runs of so many days are all kept; of older ones the last of each week."""

STAGES = 13
"""Stages that a run tells of: reading, up to ten of predicting, writing, done."""


def score_metrics(
    *,
    as_of: date | None = None,
    make_current: bool | None = None,
    user: Any = None,
    progress: Progress | None = None,
) -> MetricsRun:
    """Predict purchases, churn and value of every customer with a sale up to a local day.

    Args:
        as_of: the predictions begin after this day; by default today in the business's time zone.
            Nothing later has any influence.
        make_current: whether everybody sees them from now on; None: unless those of a later day
            are current.

    Too little data is no error: the run then says what is missing, and its numbers are NULL. Raises
    ``CrmError`` for a day to come, and ``ConflictError`` while another run is under way.
    """
    day = _checked(as_of)
    run = MetricsRun.objects.create(as_of=day, time_zone=settings.TIME_ZONE, created_by=user)
    try:
        with refresh.record("metrics", as_of=end_of(day)) as state:
            _fill(run, make_current=make_current, progress=progress)
            state.rows = run.scored
    except ConflictError:
        # It never began, so there is nothing to remember.
        run.delete()
        raise
    except BaseException as error:
        _fail(run, error)
        raise
    return run


def preview_metrics(*, as_of: date | None = None, progress: Progress | None = None) -> MetricsRun:
    """Return what a run would find, without storing anything; it has no key."""
    run = MetricsRun(as_of=_checked(as_of), time_zone=settings.TIME_ZONE)
    stage = _Stage(progress)
    _describe(run, _predict(run, stage), stage)
    return run


def _checked(as_of: date | None) -> date:
    day = as_of or timezone.localdate()
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    return day


class _Stage:
    """Tells how far a run is, and keeps the seconds of its parts."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._done = 0

    def say(self, message: str) -> None:
        if self._progress is not None:
            self._progress(min(self._done, STAGES - 1), STAGES, message)
        self._done += 1

    def timed(self, name: str, work: Any) -> Any:
        started = perf_counter()
        result = work()
        self.seconds[name] = round(perf_counter() - started, 4)
        return result


def _fill(run: MetricsRun, *, make_current: bool | None, progress: Progress | None) -> None:
    with transaction.atomic():
        if not steps.lock():
            raise ConflictError("Metrics are being scored already; try again when that is done.")
        stage = _Stage(progress)
        found = _predict(run, stage)
        _describe(run, found, stage)
        stage.say("Writing the numbers")
        # Only now: from its first write on, a transaction keeps old rows of all tables alive.
        _sweep(run)
        stage.timed("write", lambda: steps.write(run, found))
        run.timings = stage.seconds
        run.status = MetricsRun.Status.SUCCEEDED
        run.finished_at = timezone.now()
        if make_current is None:
            make_current = not older_than_current(MetricsRun, run.as_of)
        if make_current:
            MetricsRun.objects.filter(is_current=True).update(is_current=False)
            run.is_current = True
        run.save()


def _predict(run: MetricsRun, stage: _Stage) -> Predictions:
    stage.say("Reading the orders")
    ledger = stage.timed("read", lambda: purchase_days(as_of=run.as_of))
    found: Predictions = stage.timed(
        "predict",
        lambda: predict_shop(
            ledger,
            run.as_of.toordinal(),
            annual_rate=settings.CRM_LTV_DISCOUNT,
            margin=settings.CRM_LTV_MARGIN,
            tell=stage.say,
        ),
    )
    return found


def _describe(run: MetricsRun, found: Predictions, stage: _Stage) -> None:
    tell(run, found)
    run.left_out = steps.left_out()
    run.fingerprint = _fingerprint(found)
    run.timings = stage.seconds


def _fingerprint(found: Predictions) -> dict[str, str]:
    """Return sums over what is stored: two runs on the same orders have the same."""
    sums = {"historic_value": f"{steps.historic_pence(found).sum() / 100:.2f}"}
    for name in Numbers.__dataclass_fields__:
        values = getattr(found.numbers, name).astype(np.float64)
        sums[name] = f"{np.nansum(steps.rounded(values)):.4f}"
    return sums


def _sweep(run: MetricsRun) -> None:
    """Close rows of runs that died: who holds the lock knows that nobody else is at work."""
    MetricsRun.objects.filter(status=MetricsRun.Status.RUNNING, pk__lt=run.pk).update(
        status=MetricsRun.Status.FAILED,
        error="It was interrupted; nothing of it remained.",
        finished_at=timezone.now(),
    )


def _fail(run: MetricsRun, error: BaseException) -> None:
    words = str(error) if isinstance(error, CrmError) else f"It failed: {type(error).__name__}."
    MetricsRun.objects.filter(pk=run.pk).update(
        status=MetricsRun.Status.FAILED, error=words, finished_at=timezone.now()
    )


def thin_metrics(*, today: date | None = None) -> list[int]:
    """Drop the rows of old runs: all stay for a month, then the last of each ISO week.

    The run itself stays with its back-test; the current run always keeps its rows. Returns the runs
    thinned. One that readers were using is left for the next time.
    """
    oldest_kept = (today or timezone.localdate()) - timedelta(days=KEEP_ALL_DAYS)
    weeks: set[tuple[int, int]] = set()
    thinned = []
    with refresh.record("metrics thinning") as state:
        old = MetricsRun.objects.kept().filter(as_of__lt=oldest_kept).order_by("-as_of", "-pk")
        for run in old:
            week = run.as_of.isocalendar()[:2]
            if week in weeks and not run.is_current and _drop_rows(run):
                thinned.append(run.pk)
            weeks.add(week)
        state.rows = len(thinned)
    return thinned


@transaction.atomic
def _drop_rows(run: MetricsRun) -> bool:
    if not steps.drop(run):
        return False
    MetricsRun.objects.filter(pk=run.pk).update(rows_dropped_at=timezone.now())
    return True
