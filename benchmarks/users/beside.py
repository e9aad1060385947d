"""What beat starts at its hour, started in the measured time: what people feel of it.

``hourly`` are the schedules with a minute but no hour, ``nightly`` those with both on any day, in
their order. The worker takes them two at a time, as it would.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from crm_project.celery import app
from crm_project.common.models import Job

EVERY = 1.0
"""Seconds between two questions to the worker about what it does."""


class Beside:
    """Tasks that the worker does while the users work, and how long each took.

    Args:
        tasks: names of Celery tasks, in the order in which they are sent.
        wait: seconds until they are sent.
    """

    def __init__(self, tasks: list[str], *, wait: float) -> None:
        self._tasks, self._wait = tasks, wait
        self._over = threading.Event()
        self._seen: dict[str, tuple[str, float, float]] = {}
        self._working: set[str] = set()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self) -> None:
        """Look no further."""
        self._over.set()
        self._thread.join()

    def note(self, running: Mapping[str, str], *, now: float) -> None:
        """Note which tasks run at a moment: their names by their ids."""
        for task, name in running.items():
            since = self._seen[task][1] if task in self._seen else now
            self._seen[task] = (name.rpartition(".")[2], since, now)
        self._working = set(running)

    def in_words(self) -> str:
        """Say which tasks ran for how many seconds, and which had not ended."""
        times = "; ".join(
            f"{name} {until - since:.0f} s" + (" and went on" if task in self._working else "")
            for task, (name, since, until) in self._seen.items()
        )
        return f"Beside them the worker did what beat starts: {times}." if times else ""

    def _follow(self) -> None:
        if self._over.wait(self._wait):
            return
        for task in self._tasks:
            app.send_task(task)
        while not self._over.wait(EVERY):
            self._look()

    def _look(self) -> None:
        found = app.control.inspect(timeout=EVERY).active() or {}
        running = {task["id"]: task["name"] for tasks in found.values() for task in tasks}
        self.note(running, now=monotonic())


def tasks_of(kind: str) -> list[str]:
    """Return the tasks of the schedules of a kind, ``hourly`` or ``nightly``, by their time."""
    found = PeriodicTask.objects.filter(enabled=True, crontab__isnull=False).select_related(
        "crontab"
    )
    chosen = [
        schedule
        for schedule in found
        if (schedule.crontab.hour == "*") == (kind == "hourly")
        and schedule.crontab.day_of_week == "*"
    ]
    chosen.sort(
        key=lambda schedule: (schedule.crontab.hour.zfill(2), schedule.crontab.minute.zfill(2))
    )
    return [schedule.task for schedule in chosen]


def forget_the_last_time() -> None:
    """Give up the jobs that an earlier run left: they would go on beside this one."""
    app.control.purge()
    Job.objects.unfinished().update(status=Job.Status.CANCELLED, finished_at=timezone.now())


@contextmanager
def working(kind: str, *, wait: float) -> Iterator[Beside]:
    """Have the worker do the tasks of a kind, ``wait`` seconds from now; nothing where it is ''."""
    beside = Beside(tasks_of(kind) if kind else [], wait=wait)
    if kind:
        beside.start()
    try:
        yield beside
    finally:
        if kind:
            beside.stop()
