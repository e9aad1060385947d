"""Show what the scoring found."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Show the segments of a scoring run and its best customers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="Print JSON.")
        how.add_argument("--csv", action="store_true", help="Print the segments as CSV.")
        parser.add_argument("--run", type=int, metavar="ID", help="Default: the current run.")
        parser.add_argument("--top", type=int, default=10, help="So many best customers.")

    def handle(self, **options: Any) -> None:
        try:
            report = reports.rfm_report(run_id=options["run"], top=options["top"])
        except CrmError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(reports.to_json(reports.report_facts(report)))
        elif options["csv"]:
            self.stdout.write(reports.to_csv(report))
        else:
            self.stdout.write(reports.to_tables(report, terminal=self.stdout.isatty()))
