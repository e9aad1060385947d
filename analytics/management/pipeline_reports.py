"""What ``manage.py score`` prints: its bar, the steps as a table, and as JSON."""

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from analytics.models import PipelineRun, PipelineStep
from analytics.services.pipeline_registry import label_of
from crm_project.common.jobs import Progress

MOST = 140
"""Letters of what a step found; JSON and the admin have all of it."""

_COLOURS = {"succeeded": "green", "skipped": "dim", "failed": "red", "blocked": "yellow"}


@contextmanager
def bar(console: Console) -> Iterator[Progress]:
    """Show the whole pipeline as one bar with the step's words, while it runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("Starting", total=None)

        def progress(done: int, total: int | None, message: str) -> None:
            bars.update(task, completed=done, total=total, description=message)

        yield progress


def facts(run: PipelineRun) -> dict[str, Any]:
    """Return a run for programs."""
    return {
        "run": run.pk,
        "as_of": run.as_of.isoformat(),
        "make_current": run.make_current,
        "status": run.status,
        "error": run.error,
        "attempts": run.attempts,
        "steps": [
            {
                "name": step.name,
                "status": step.status,
                "seconds": step.seconds,
                "rows": step.rows,
                "words": step.words,
                "error": step.error,
                "attempts": step.attempts,
            }
            for step in run.steps.order_by("position")
        ],
    }


def table(run: PipelineRun) -> Table:
    """Return the steps with their seconds as a table for the terminal."""
    steps = list(run.steps.order_by("position"))
    seconds = sum(step.seconds or 0 for step in steps)
    title = f"Run {run.pk} as of {run.as_of:%Y-%m-%d}: {run.status}"
    shown = Table(title=title, title_justify="left", show_footer=True)
    shown.add_column("Step", "All", no_wrap=True)
    shown.add_column("Outcome", no_wrap=True)
    shown.add_column("Seconds", f"{seconds:.2f}", justify="right")
    shown.add_column("Rows", justify="right")
    shown.add_column("What it found")
    for step in steps:
        shown.add_row(*_cells(step))
    return shown


def _cells(step: PipelineStep) -> tuple[str, ...]:
    colour = _COLOURS.get(step.status, "white")
    return (
        label_of(step.name),
        f"[{colour}]{step.get_status_display().lower()}[/]",
        "" if step.seconds is None else f"{step.seconds:.2f}",
        "" if step.rows is None else f"{step.rows:,}",
        escape(step.error or shorten(step.words, MOST, placeholder=" …")),
    )
