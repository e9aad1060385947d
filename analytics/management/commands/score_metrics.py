"""Predict purchases, churn and value now."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.management.arguments import add_run_arguments
from analytics.management.made_reports import bar
from analytics.management.metrics_words import metrics_facts, metrics_words
from analytics.models import MetricsRun
from analytics.services.metrics import preview_metrics, score_metrics
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress


class Command(BaseCommand):
    help = "Predict purchases, churn and lifetime value, and print how good such predictions were."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Predict from the end of this day, like 2011-11-09. Default: today. A day before "
            "that of the current run only goes into the history.",
        )
        add_run_arguments(parser)

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                run = _run(options, progress)
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            reports.to_json(metrics_facts(run)) if options["json"] else metrics_words(run)
        )


def _run(options: dict[str, Any], progress: Progress | None) -> MetricsRun:
    day = options["as_of"]
    if options["dry_run"]:
        return preview_metrics(as_of=day, progress=progress)
    return score_metrics(as_of=day, make_current=options["make_current"], progress=progress)
