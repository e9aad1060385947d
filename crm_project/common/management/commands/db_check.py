"""Say what is wrong with the database, and end with an error if anything is."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_project.common.selectors.database_check import BAD, findings, names


class Command(BaseCommand):
    help = "Look for what is wrong with the database. Exit code 1 if something is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print the findings as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = findings()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        else:
            for one in found:
                self.stdout.write(f"{one.level}: {one.what} {one.hint}")
            self.stdout.write(f"{len(names())} checks, {len(found)} findings.")
        if any(one.level == BAD for one in found):
            raise CommandError("The database needs attention.")
