"""Score customers by their signals now, and bring the reports of signals up to date."""

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from analytics.management.reports import to_json
from analytics.services.signal_reports import Reports, refresh_signal_reports
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Score customers' interest by their signals; count signals by day; gather search words."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=_moment,
            metavar="MOMENT",
            help="Score as of this moment, like 2026-11-21T12:00. Default: now.",
        )
        parser.add_argument(
            "--everything",
            action="store_true",
            help="Count all days anew, not only those of new signals: after signals were removed.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say how many; keep nothing.")
        parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            reports = refresh_signal_reports(
                as_of=options["as_of"],
                everything=options["everything"],
                dry_run=options["dry_run"],
            )
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(to_json(asdict(reports)) if options["json"] else _words(reports))


def _moment(text: str) -> datetime:
    """Read a moment; without a zone it is meant in the business's."""
    try:
        moment = parse_datetime(text) or datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no moment; write 2026-11-21T12:00.") from None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _words(reports: Reports) -> str:
    """Return one line for people."""
    scored = reports.scored
    line = f"{scored.scored:,} customers with signals as of {scored.as_of:%Y-%m-%d %H:%M} UTC"
    if reports.counted is None:
        return f"{line}. Nothing was kept."
    return (
        f"{line}; {reports.counted.days:,} counts by day; {reports.words:,} words for the search."
    )
