"""Fill families, prices, price bands and tiers that the shop does not give, by rule."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_project.common.exceptions import CrmError
from orders.services.catalogue import RULES, derive_catalogue


class Command(BaseCommand):
    help = "Fill families, prices, price bands and tiers that the shop does not give, by rule."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("rules", nargs="*", metavar="RULE", help=f"{', '.join(RULES)}: or all.")
        parser.add_argument(
            "--as-of", type=date.fromisoformat, metavar="DATE", help="Prices up to this day's end."
        )
        parser.add_argument("--dry-run", action="store_true", help="Count only; keep nothing.")
        parser.add_argument("--json", action="store_true", help="Print the counts as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            found = derive_catalogue(
                rules=options["rules"] or RULES,
                as_of=options["as_of"],
                dry_run=options["dry_run"],
            )
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(found), indent=2) if options["json"] else found.words)
