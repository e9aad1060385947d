"""Propose products for labels that nobody knows, and find products that are alike."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_project.common.exceptions import CrmError
from customers.management.import_command import bar
from orders.services.label_queue import suggest_aliases


class Command(BaseCommand):
    help = "Propose products for labels that wait, and find products that look like another one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--labels-only", action="store_true", help="Do not compare products with each other."
        )
        parser.add_argument("--dry-run", action="store_true", help="Count only; keep nothing.")
        parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                found = suggest_aliases(
                    alike=not options["labels_only"],
                    dry_run=options["dry_run"],
                    progress=progress,
                )
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(found), indent=2) if options["json"] else found.words)
