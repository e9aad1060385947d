import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_project.common.exceptions import CrmError
from customers.management.import_command import bar
from recommendations.services.datasets import DATASETS, load_dataset


class Command(BaseCommand):
    help = "Load a real data set into a database of its own; score it afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", choices=list(DATASETS), default="online-retail")
        parser.add_argument("--no-shift", action="store_true", help="Keep the file's dates.")
        parser.add_argument(
            "--force", action="store_true", help="Load it though another shop is here."
        )
        parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                found = load_dataset(
                    dataset=options["dataset"],
                    shift=not options["no_shift"],
                    force=options["force"],
                    progress=progress,
                )
        except CrmError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), indent=2))
            return
        self.stdout.write(found.words)
        self.stdout.write("Next: manage.py score, then manage.py recommend.")
