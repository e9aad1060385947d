"""Make plausible signals for demonstrations, tests and benchmarks."""

import signal
import threading
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from analytics.management.made_reports import as_json, as_table, bar
from analytics.services.made_clearing import Cleared, clear_made_signals
from analytics.services.made_signals import Made, generate_signals
from analytics.services.made_sinks import DESTINATIONS
from analytics.services.made_visits import make_visits
from crm_project.common import jobs
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Make plausible signals (visits, purchases, mailings, crawlers; some late, some twice)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--events", type=int, default=10_000, metavar="N")
        parser.add_argument(
            "--customers", type=int, default=500, metavar="M", help="The shop's busiest customers."
        )
        parser.add_argument("--days", type=int, default=30, metavar="D", help="So far back.")
        parser.add_argument("--until", type=datetime.fromisoformat, help="Default: now.")
        parser.add_argument("--seed", type=int, default=0, help="Another seed makes others.")
        parser.add_argument(
            "--orders", action="store_true", help="Purchases are those of the shop's real orders."
        )
        parser.add_argument("--to", choices=DESTINATIONS[:3], default="queue")
        parser.add_argument(
            "--file", type=Path, help="With --to file: where; .gz is compressed. One JSON a line."
        )
        parser.add_argument("--dry-run", action="store_true", help="Count only, send nothing.")
        parser.add_argument(
            "--live", type=float, metavar="N", help="N a second into the queue, until Ctrl-C."
        )
        parser.add_argument("--clear", action="store_true", help="Remove all made signals instead.")
        parser.add_argument("--json", action="store_true", help="Print the counts as JSON.")
        parser.add_argument("--yes", action="store_true", help="Also in production.")

    def handle(self, **options: Any) -> None:
        if options["live"] is not None:
            self.stdout.write(f"Sent {_live(options):,} made signals.")
            return
        work = _clear if options["clear"] else _generate
        try:
            with bar() as progress:
                report = work(options, progress)
        except (CrmError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(as_json(report) if options["json"] else as_table(report))


def _generate(options: dict[str, Any], progress: jobs.Progress | None) -> Made:
    until = options["until"]
    return generate_signals(
        until=until if until is None or until.tzinfo else timezone.make_aware(until),
        to="nowhere" if options["dry_run"] else options["to"],
        path=options["file"],
        in_production=options["yes"],
        progress=progress,
        **{name: options[name] for name in ("events", "customers", "days", "seed", "orders")},
    )


def _clear(options: dict[str, Any], progress: jobs.Progress | None) -> Cleared:
    return clear_made_signals(in_production=options["yes"], dry_run=options["dry_run"])


def _live(options: dict[str, Any]) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: stop.set())
    try:
        return make_visits(
            per_second=options["live"],
            customers=options["customers"],
            seed=options["seed"],
            purchases=not options["orders"],
            wait=stop.wait,
            in_production=options["yes"],
        )
    except CrmError as error:
        raise CommandError(str(error)) from error
