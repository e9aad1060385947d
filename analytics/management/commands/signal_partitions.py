"""Make and drop the partitions of signals and raw events, or list them."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.services import signal_partitions as service
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Make the next months' partitions of signals and raw events, and drop old ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--list", action="store_true", help="Only list the partitions, their rows and bytes."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, **options: Any) -> None:
        if options["list"]:
            self.stdout.write(_listed(as_json=options["json"]))
            return
        try:
            kept = service.keep_partitions(dry_run=options["dry_run"])
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(kept)) if options["json"] else _in_words(kept))


def _in_words(kept: service.PartitionsKept) -> str:
    dropped = ", ".join(kept.dropped) or "none"
    if kept.dry_run:
        return f"Would be dropped: {dropped}."
    busy = f" In use, so they go the next time: {', '.join(kept.busy)}." if kept.busy else ""
    return f"{kept.made} partitions made; dropped: {dropped}.{busy}"


def _listed(*, as_json: bool) -> str:
    found = [*service.partitions(service.SIGNALS), *service.partitions(service.RAW_EVENTS)]
    if as_json:
        return json.dumps([asdict(part) for part in found], default=str)
    return "\n".join(
        f"{part.name}  {part.starts:%Y-%m-%d} to {part.ends:%Y-%m-%d}"
        f"  about {part.rows:,} rows  {part.bytes / 1024**2:,.1f} MiB"
        for part in found
    )
