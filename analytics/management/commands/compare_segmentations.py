"""Say which segmentation to believe."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management.made_reports import bar
from analytics.management.reports import to_json
from analytics.management.segmentation_reports import compared_facts, compared_parts, printed
from analytics.services.segmentation_comparisons import LATER_DAYS
from analytics.services.segmentation_verdicts import compare_asked
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Compare the RFM segments with the groups found by k-means, and say what is better."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--left", type=int, metavar="ID", help="Compare this segmentation …")
        parser.add_argument("--right", type=int, metavar="ID", help="… with this one.")
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Compare the segmentations of this day. Default: the current ones.",
        )
        parser.add_argument(
            "--days", type=int, default=LATER_DAYS, help="Length of the later window."
        )
        parser.add_argument("--json", action="store_true", help="Print all results as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                compared = compare_asked(
                    left_id=options["left"],
                    right_id=options["right"],
                    as_of=options["as_of"],
                    later_days=options["days"],
                    progress=progress,
                )
        except CrmError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(to_json(compared_facts(compared)))
        else:
            self.stdout.write(printed(compared_parts(compared), terminal=self.stdout.isatty()))
