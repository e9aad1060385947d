"""How fresh every computed number is: its newest run, the last failure, the next run."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from crm_project.common import freshness
from crm_project.common.freshness import Number
from crm_project.common.models import RefreshState


@dataclass(frozen=True, slots=True)
class Fresh:
    """One number and how fresh it is.

    Attributes:
        newest: the run that people see: the newest success for the newest day. None: never yet.
        failure: the last failure, also one that a later success made good.
        running: the run under way.
        next_at: when the schedule computes it next; None without an active schedule.
        checked_at: the moment for which all this holds.
    """

    number: Number
    newest: RefreshState | None
    failure: RefreshState | None
    running: RefreshState | None
    next_at: datetime | None
    checked_at: datetime

    @property
    def age(self) -> timedelta | None:
        """Return the time since it was last computed with success."""
        if self.newest is None or self.newest.finished_at is None:
            return None
        return self.checked_at - self.newest.finished_at

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed and nothing has succeeded since."""
        if self.failure is None:
            return False
        return self.newest is None or self.failure.started_at > self.newest.started_at

    @property
    def stale(self) -> bool:
        """Whether it is older than it may be. What was never computed is not stale but missing."""
        limit = self.number.max_age
        return limit is not None and self.age is not None and self.age > limit

    @property
    def missing(self) -> bool:
        return self.newest is None

    @property
    def state(self) -> str:
        """Return one word: failing, stale, missing, running or fresh."""
        if self.failing:
            return "failing"
        if self.stale:
            return "stale"
        if self.running:
            return "running"
        return "missing" if self.missing else "fresh"


def report() -> list[Fresh]:
    """Return how fresh each number is: the registered ones, then whatever else is in the ledger."""
    now = timezone.now()
    newest, failures, running = _newest(), _failures(), _running(now)
    schedules = _next_runs(now)
    known = freshness.numbers()
    named = {number.step for number in known}
    others = sorted({*newest, *failures, *running} - named)
    return [
        Fresh(
            number=number,
            newest=newest.get(number.step),
            failure=failures.get(number.step),
            running=running.get(number.step),
            next_at=schedules.get(number.task),
            checked_at=now,
        )
        for number in [*known, *(Number(name, name.capitalize(), max_age=None) for name in others)]
    ]


def _newest() -> dict[str, RefreshState]:
    """Return the newest success of each step for the newest day.

    A day of the past that was scored later is not what people see.
    """
    done = RefreshState.objects.filter(finished_at__isnull=False, error="")
    day = Coalesce("as_of", "started_at").desc()
    return {row.name: row for row in done.order_by("name", day, "-started_at").distinct("name")}


def _failures() -> dict[str, RefreshState]:
    failed = RefreshState.objects.exclude(error="")
    return {row.name: row for row in failed.order_by("name", "-started_at").distinct("name")}


def _running(now: datetime) -> dict[str, RefreshState]:
    """Return the runs under way; one older than any task may last was killed."""
    since = now - timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)
    going = RefreshState.objects.filter(Q(finished_at=None), error="", started_at__gte=since)
    return {row.name: row for row in going.order_by("name", "-started_at").distinct("name")}


def _next_runs(now: datetime) -> dict[str, datetime]:
    """Return when each scheduled task is due next, by the task's path."""
    found: dict[str, datetime] = {}
    active = PeriodicTask.objects.filter(enabled=True).select_related("crontab", "interval")
    for task in active:
        due = _due(task, now)
        if due is not None and (task.task not in found or due < found[task.task]):
            found[task.task] = due
    return found


_CRONTAB = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone")


@lru_cache(maxsize=200)
def _read(*fields: Any) -> Any:
    """Return a schedule that was written as text; reading all of them took half of a page."""
    return CrontabSchedule(**dict(zip(_CRONTAB, fields, strict=True))).schedule


def _due(task: PeriodicTask, now: datetime) -> datetime | None:
    if task.crontab is not None:
        since, wait, _ = _read(*(getattr(task.crontab, name) for name in _CRONTAB)).remaining_delta(
            now
        )
        due: datetime = since + wait
        return due
    if task.interval is not None:
        every: timedelta = task.interval.schedule.run_every
        return max(now, (task.last_run_at or now) + every)
    return None
