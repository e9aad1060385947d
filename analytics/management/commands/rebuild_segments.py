"""Find the members of saved segments anew."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.services.saved_segment_builds import Rebuilt, rebuild_saved_segments
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Rebuild saved segments: find out who meets each rule now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="Which. Default: all in use.")
        parser.add_argument("--dry-run", action="store_true", help="Count only; write nothing.")
        parser.add_argument("--json", action="store_true", help="Print the results as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            found = rebuild_saved_segments(
                slugs=options["slugs"] or None, dry_run=options["dry_run"]
            )
        except CrmError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            facts = {"segments": [asdict(each) for each in found.segments]}
            self.stdout.write(reports.to_json(facts))
        else:
            words = "\n".join(map(_words, found.segments))
            self.stdout.write(words or "There are no saved segments.")
        if found.error:
            raise CommandError(found.error)


def _words(result: Rebuilt) -> str:
    if result.error:
        return f"{result.slug}: failed. {result.error}"
    return (
        f"{result.slug}: {result.members:,} customers, {result.added:,} came, "
        f"{result.removed:,} left, {result.duration_ms / 1000:.2f} s"
    )
