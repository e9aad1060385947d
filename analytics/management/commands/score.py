"""Run the scoring pipeline now."""

from argparse import ArgumentParser
from contextlib import nullcontext
from datetime import date
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from analytics.management import pipeline_reports as reports
from analytics.management.reports import to_json
from analytics.models import PipelineRun
from analytics.services import pipeline
from analytics.services.pipeline_registry import names
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Run the scoring pipeline: totals, RFM, movement, profiles, predictions, embeddings …"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Describe the end of this day, like 2011-11-09. Default: today. A day before the "
            "one people see now goes into the history and changes nothing that they see.",
        )
        parser.add_argument(
            "--steps",
            type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
            default=[],
            metavar="NAMES",
            help=f"Only these, separated by commas: {', '.join(names())}.",
        )
        parser.add_argument("--from", dest="start_at", default="", metavar="STEP",
                            help="This step and all after it.")  # fmt: skip
        parser.add_argument(
            "--resume",
            action="store_true",
            help="Do what the newest run left undone; done steps stay unless their inputs changed.",
        )
        parser.add_argument("--json", action="store_true", help="Print the run as JSON.")
        parser.add_argument("--quiet", action="store_true", help="Print nothing but errors.")

    def handle(self, **options: Any) -> None:
        # Not the wrapper: it would end each piece of the bar with a new line.
        console = Console(file=cast("IO[str]", self.stdout._out))
        silent = options["json"] or options["quiet"]
        with nullcontext() if silent else reports.bar(console) as progress:
            try:
                run = _run(options, progress)
            except CrmError as error:
                raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(to_json(reports.facts(run)))
        elif not options["quiet"]:
            console.print(reports.table(run))
        if run.status != PipelineRun.Status.SUCCEEDED:
            raise CommandError(f"{run.error} Resume with: manage.py score --resume")


def _run(options: dict[str, Any], progress: Any) -> PipelineRun:
    if options["resume"]:
        if options["as_of"] or options["steps"] or options["start_at"]:
            raise CrmError("With --resume the run's own day and steps are used; give nothing else.")
        return pipeline.resume_pipeline(progress=progress)
    return pipeline.run_pipeline(
        as_of=options["as_of"],
        only=options["steps"],
        start_at=options["start_at"],
        progress=progress,
    )
