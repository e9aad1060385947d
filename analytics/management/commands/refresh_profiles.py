"""Bring the profiles of customers up to date."""

from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management.made_reports import bar
from analytics.management.reports import to_json
from analytics.services.profiles import ProfilesResult, refresh_profiles
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Compute the profiles of customers whose orders or whose articles' tastes changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Describe the end of this day, like 2011-11-09. Default: today.",
        )
        parser.add_argument("--full", action="store_true", help="Compute everybody's anew.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would change; keep nothing."
        )
        parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                result = refresh_profiles(
                    as_of=options["as_of"],
                    full=options["full"],
                    dry_run=options["dry_run"],
                    progress=progress,
                )
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(to_json(asdict(result)) if options["json"] else _words(result))


def _words(result: ProfilesResult) -> str:
    """Return one line for people."""
    scope = "everybody" if result.whole else "those with changes"
    line = (
        f"Profiles as of {result.as_of}: {result.customers:,} customers looked at ({scope}),"
        f" {result.written:,} profiles changed, {result.removed:,} removed."
    )
    return f"{line} Nothing was kept." if result.dry_run else line
