"""What ``generate_signals`` shows: a bar while it works, then counts as a table or JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from analytics.services.made_clearing import Cleared
from analytics.services.made_signals import Made
from crm_project.common import jobs


@contextmanager
def bar() -> Iterator[jobs.Progress | None]:
    """Show a bar on standard error; nothing where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        task = bars.add_task("Starting", total=None)

        def tell(done: int, total: int | None, message: str) -> None:
            bars.update(task, completed=done, total=total, description=message)

        yield tell


def as_json(report: Made | Cleared) -> str:
    return json.dumps(asdict(report), indent=2, default=datetime.isoformat)


def as_table(report: Made | Cleared) -> str:
    table = Table("What", title="Made signals", title_style="")
    table.add_column("Count", justify="right")
    for name, value in asdict(report).items():
        if isinstance(value, dict):
            for kind, count in sorted(value.items(), key=lambda item: -item[1]):
                table.add_row(f"type: {kind}", f"{count:,}")
        elif value is not None:
            table.add_row(name.replace("_", " "), _words(value))
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _words(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}"
