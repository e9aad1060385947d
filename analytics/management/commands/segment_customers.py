"""Group all customers now."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management.arguments import add_pointer_arguments
from analytics.management.made_reports import bar
from analytics.management.reports import to_json
from analytics.management.segmentation_reports import built_facts, built_parts, printed
from analytics.services.segmentations import KINDS, SEED, build
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Group customers by behaviour and by taste, and name the groups."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Describe the end of this day, like 2011-11-09. Default: today. A day before that "
            "of the current groups only goes into the history.",
        )
        parser.add_argument(
            "--kind",
            action="append",
            choices=KINDS,
            dest="kinds",
            help="Only this way of grouping; may be given several times. Default: all.",
        )
        parser.add_argument(
            "--seed", type=int, default=SEED, help="Of all draws; the same seed, the same groups."
        )
        add_pointer_arguments(parser)
        parser.add_argument("--json", action="store_true", help="Print the groups as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                built = build(
                    as_of=options["as_of"],
                    kinds=options["kinds"] or KINDS,
                    make_current=options["make_current"],
                    seed=options["seed"],
                    progress=progress,
                )
        except CrmError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(to_json(built_facts(built)))
        else:
            self.stdout.write(printed(built_parts(built), terminal=self.stdout.isatty()))
