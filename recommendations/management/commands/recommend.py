"""Recommend now."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.management.arguments import add_run_arguments
from analytics.management.made_reports import bar
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress
from recommendations.management.run_words import run_facts, run_words
from recommendations.models import RecoRun
from recommendations.selectors.configs import find_config
from recommendations.services.runs import preview, recommend


class Command(BaseCommand):
    help = "Choose up to three products for every customer, with reasons, and print what was found."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Use what was known at the end of this day, like 2011-11-09. Default: today.",
        )
        parser.add_argument(
            "--config", metavar="HASH", help="Settings to use, by the beginning of their hash."
        )
        parser.add_argument(
            "--customers",
            nargs="+",
            metavar="CODE",
            help="Only these customers. Such a run never becomes the one that everybody sees.",
        )
        add_run_arguments(parser)

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                run = _run(options, progress)
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(reports.to_json(run_facts(run)) if options["json"] else run_words(run))


def _run(options: dict[str, Any], progress: Progress | None) -> RecoRun:
    asked: dict[str, Any] = {
        "as_of": options["as_of"],
        "config": find_config(options["config"]) if options["config"] else None,
        "customers": options["customers"],
        "progress": progress,
    }
    if options["dry_run"]:
        return preview(**asked)
    return recommend(**asked, make_current=options["make_current"])
