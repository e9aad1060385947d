"""Score all customers now."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.models import RfmRun
from analytics.services.rfm import score_rfm
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Score all customers by recency, frequency and money, and sort them into segments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Describe the end of this day, like 2011-11-09. Default: today.",
        )
        parser.add_argument("--mode", choices=RfmRun.Mode.values, default=RfmRun.Mode.QUANTILE)
        parser.add_argument(
            "--window",
            type=int,
            metavar="DAYS",
            help="Count only orders of so many days. Default: all orders.",
        )
        parser.add_argument(
            "--cuts-from",
            type=int,
            metavar="RUN",
            help="With --mode fixed: use the cut points of this run.",
        )
        parser.add_argument(
            "--keep-current",
            action="store_true",
            help="Only add a snapshot to the history; everybody goes on seeing the current run.",
        )
        parser.add_argument("--json", action="store_true", help="Print the run as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            run = score_rfm(
                as_of=options["as_of"],
                mode=options["mode"],
                window_days=options["window"],
                cuts_from=options["cuts_from"],
                make_current=not options["keep_current"],
            )
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            reports.to_json(reports.run_facts(run)) if options["json"] else reports.run_words(run)
        )
