import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from analytics.models import RfmRun
from analytics.selectors.rfm import segment_summary, top_customers
from analytics.selectors.signal_scores import strongest_intent
from crm_project.common import jobs
from crm_project.common.exceptions import CrmError
from recommendations.management.demo_reports import (
    print_pipeline,
    print_predictions,
    print_verdicts,
)
from recommendations.management.reco_reports import (
    print_backtest,
    print_outcomes,
    print_recommendations,
)
from recommendations.services import demo, demo_contacts, demo_signals

VISITS_PER_SECOND = 0.5
"""So that what is live moves; a day of it is as much as all the others."""


class Command(BaseCommand):
    help = "Load a real shop's orders, score them, print what was found, then serve it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="Stop after printing.")
        parser.add_argument("--no-shift", action="store_true", help="Keep the file's dates (2011).")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, **options: Any) -> None:
        # Not the wrapper: it would end each piece of a progress bar with a new line.
        console = Console(file=cast("IO[str]", self.stdout._out))
        # The bars say what is going on; the log says the rest.
        logging.getLogger("customers").setLevel(logging.WARNING)
        try:
            self._prepare(console, shift=not options["no_shift"])
        except CrmError as error:
            raise CommandError(str(error)) from error
        console.print(f"Login: [bold]{demo.LOGIN}[/]   Password: [bold]{demo.PASSWORD}[/]")
        if not options["no_serve"]:
            call_command(
                "serve", host=options["host"], port=options["port"], visits=VISITS_PER_SECOND
            )

    def _prepare(self, console: Console, *, shift: bool) -> None:
        with steps(console) as progress:
            migrate(progress)
            data = demo.load(shift=shift, progress=progress)
            demo_signals.load_signals(data=data, progress=progress)
            made = demo_contacts.load_contacts(until=demo_signals.demo_end(data), progress=progress)
            scored = demo.score(data=data, progress=progress)
            demo.ensure_login()
        _print_data(console, data)
        _print_signals(console)
        _print_contacts(console, made)
        _print_segments(console, scored.run)
        _print_best(console, scored.run)
        _print_intent(console)
        print_predictions(console)
        print_verdicts(console)
        print_backtest(console)
        print_recommendations(console)
        print_outcomes(console)
        print_pipeline(console, scored)


@contextmanager
def steps(console: Console) -> Iterator[jobs.Progress]:
    """Show each long step as a bar with its words and the time it takes."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("Starting", total=None)

        def progress(done: int, total: int | None, message: str) -> None:
            bars.update(task, completed=done, total=total, description=message)

        yield progress
        bars.update(task, completed=1, total=1, description="Ready")


def migrate(progress: jobs.Progress) -> None:
    """Bring the database to the newest shape, where it is not there yet."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        progress(0, None, "Making the tables")
        call_command("migrate", verbosity=0)


def _print_data(console: Console, data: demo.DemoData) -> None:
    batch = data.batch
    words = f"{batch.lines:,} lines read, {batch.refused:,} refused with a reason"
    console.print(f"Orders of a UK gift wholesaler (UCI 352, CC BY 4.0): {words}.")
    if data.shift_days:
        console.print(f"Dates are moved forward by {data.shift_days // 7} weeks.")


def _print_signals(console: Console) -> None:
    made = demo_signals.summary()
    words = f"{made.signals:,} of {made.customers:,} customers and {made.strangers:,} strangers"
    console.print(f"Signals of {demo_signals.DAYS} days, made because the file has none: {words}.")


def _print_contacts(console: Console, made: demo_contacts.MadeContacts) -> None:
    words = f"{made.addresses:,} addresses at example.org, {made.consents:,} consents"
    console.print(
        f"Made because the file has none: {words}, {made.letters:,} letters sent,"
        f" {made.blocks:,} customers to be left alone."
    )


def _print_segments(console: Console, run: RfmRun) -> None:
    summary = segment_summary(run=run)
    if summary is None:
        return
    table = Table(title=f"Customers by segment, as of {run.as_of:%d %B %Y}")
    for column in ("Segment", "Customers", "Share", "Net sales", "Share", "Median days since"):
        table.add_column(column, justify="left" if column == "Segment" else "right")
    for row in summary.rows:
        days = "-" if row.median_recency_days is None else str(row.median_recency_days)
        table.add_row(
            row.segment.name,
            f"{row.customers:,}",
            f"{row.customer_share:.1%}",
            f"{row.net_total:,.2f}",
            f"{row.net_share:.1%}",
            days,
        )
    console.print(table)


def _print_best(console: Console, run: RfmRun) -> None:
    table = Table(title="Ten best customers by net sales")
    for column in ("Customer", "RFM", "Segment", "Orders", "Days since", "Net sales"):
        right = column in {"Orders", "Days since", "Net sales"}
        table.add_column(column, justify="right" if right else "left")
    for score in top_customers(run=run, limit=10):
        table.add_row(
            str(score.customer),
            f"{score.r}{score.f}{score.m}",
            score.segment.name,
            f"{score.frequency:,}",
            f"{score.recency_days:,}",
            f"{score.monetary:,.2f}",
        )
    console.print(table)


def _print_intent(console: Console) -> None:
    table = Table(title="Customers whose signals of the last 14 days show intent")
    for column in ("Customer", "Intent", "Account score", "Signals in 90 days", "Last signal"):
        table.add_column(column, justify="left" if column == "Customer" else "right")
    for score in strongest_intent(limit=10):
        table.add_row(
            str(score.customer),
            f"{score.intent:.2f}",
            f"{score.score:.2f}",
            f"{score.signals_90d:,}",
            f"{timezone.localtime(score.last_signal_at):%d %B %H:%M}",
        )
    console.print(table)
