"""Store what waits in the signal queue, until told to stop."""

import signal
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from analytics.services.signal_team import Team
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Store signals from the queue in the database, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        ends = parser.add_mutually_exclusive_group()
        ends.add_argument("--once", action="store_true", help="Store one batch and end.")
        ends.add_argument("--drain", action="store_true", help="End when nothing waits any more.")
        parser.add_argument(
            "--batch",
            type=int,
            default=settings.CRM_SIGNAL_BATCH,
            metavar="N",
            help="About so many signals per transaction (default: %(default)s).",
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.CRM_SIGNAL_THREADS,
            metavar="N",
            help="Batches stored at the same time (default: %(default)s).",
        )
        parser.add_argument("--name", default="", help="Name of this worker; unique.")
        parser.add_argument(
            "--alive-file", type=Path, metavar="PATH", help="Touched while it lives, for probes."
        )

    def handle(self, **options: Any) -> None:
        team = Team(
            threads=options["threads"],
            batch_events=options["batch"],
            name=options["name"],
            alive_file=options["alive_file"],
        )

        def stop(number: int, frame: FrameType | None) -> None:
            team.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        try:
            done = team.run(once=options["once"], drain=options["drain"])
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Stored {done.stored:,} signals; {done.duplicate:,} duplicates, "
            f"{done.redelivered:,} seen before, {done.quarantined:,} put into quarantine."
        )
