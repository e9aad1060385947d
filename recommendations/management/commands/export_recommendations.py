"""Let approved recommendations leave for a campaign."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.management.made_reports import bar
from crm_project.common.exceptions import CrmError
from recommendations.management.audit_words import export_facts, export_words, preview_words
from recommendations.selectors.asked import asked_campaign, asked_run, asked_segment
from recommendations.services.export_files import write_file
from recommendations.services.exports import export, preview_export


class Command(BaseCommand):
    help = "Write the approved recommendations of a run for a campaign, without its control group."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campaign", required=True, metavar="CODE", help="For this campaign.")
        parser.add_argument(
            "--run", type=int, metavar="ID", help="Of this run. Default: the one everybody sees."
        )
        parser.add_argument("--segment", metavar="SLUG", help="Only members of a saved segment.")
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write the CSV file here.")
        parser.add_argument("--dry-run", action="store_true", help="Store nothing, only count.")
        parser.add_argument("--json", action="store_true", help="Print the manifest as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            asked: dict[str, Any] = {
                "run": asked_run(options["run"]),
                "campaign": asked_campaign(options["campaign"]),
                "segment": asked_segment(options["segment"]),
            }
            if options["dry_run"]:
                self.stdout.write(preview_words(preview_export(**asked)))
                return
            with bar() as progress:
                made = export(**asked, user=None, progress=progress)
            if options["output"]:
                write_file(export=made, path=options["output"])
        except CrmError as error:
            raise CommandError(str(error)) from error
        facts = reports.to_json(export_facts(made)) if options["json"] else export_words(made)
        self.stdout.write(facts)
