"""Drop the items of old runs. A run itself stays, with its counts and its hash."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from crm_project.common.services import refresh
from recommendations.models import RecoRun
from recommendations.services.run_writing import drop

KEEP_ALL_DAYS = 14
"""Runs of so many days are all kept; of older ones the last of each week."""

KEEP_WEEKLY_DAYS = 182
"""For so long the last run of each week is kept."""

KEEP_EXPORTED_DAYS = 400
"""What left the house stays readable, reasons included, for so long."""


def thin_recommendations(*, today: date | None = None) -> list[int]:
    """Drop the items of runs that the history no longer needs, by the runs' days.

    All stay for two weeks, then the last whole run of each ISO week for half a year; runs that
    were exported stay for 400 days. The current run always keeps its items. Returns the runs
    thinned; one that readers were using is left for the next time.
    """
    day = today or timezone.localdate()
    weeks: set[tuple[int, int]] = set()
    with refresh.record("recommendations thinning") as state:
        old = RecoRun.objects.kept().filter(as_of__lt=day - timedelta(days=KEEP_ALL_DAYS))
        exported = set(old.filter(exports__isnull=False).values_list("pk", flat=True))
        thinned = [
            run.pk
            for run in old.order_by("-as_of", "-pk")
            if not _needed(run, day, weeks, exported=run.pk in exported) and _drop_items(run)
        ]
        state.rows = len(thinned)
    return thinned


def _needed(run: RecoRun, day: date, weeks: set[tuple[int, int]], *, exported: bool) -> bool:
    age = (day - run.as_of).days
    first = False
    if run.customers_chosen is None:
        week = run.as_of.isocalendar()[:2]
        first = week not in weeks
        weeks.add(week)
    if run.is_current or (exported and age <= KEEP_EXPORTED_DAYS):
        return True
    return first and age <= KEEP_WEEKLY_DAYS


@transaction.atomic
def _drop_items(run: RecoRun) -> bool:
    if not drop(run):
        return False
    RecoRun.objects.filter(pk=run.pk).update(items_dropped_at=timezone.now())
    return True
