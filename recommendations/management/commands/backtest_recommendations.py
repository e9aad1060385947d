"""Judge recommendations on past days."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.management.made_reports import bar
from crm_project.common.exceptions import CrmError
from recommendations.management.backtest_words import backtest_facts, backtest_words
from recommendations.selectors.configs import find_config
from recommendations.services import backtests


class Command(BaseCommand):
    help = (
        "Look ahead from past days: would what we had offered have been bought, and more so than "
        "what simple rules offer? Chooses the plan of the next run of recommendations."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="Look at nothing after the end of this day, like 2011-11-09. Default: today.",
        )
        parser.add_argument(
            "--config", metavar="HASH", help="Settings to use, by the beginning of their hash."
        )
        parser.add_argument(
            "--origins", type=int, default=4, metavar="N", help="Past days to judge. Default: 4."
        )
        parser.add_argument(
            "--spacing", type=int, default=30, metavar="DAYS", help="Between them. Default: 30."
        )
        parser.add_argument("--dry-run", action="store_true", help="Store nothing, only print.")
        parser.add_argument("--json", action="store_true", help="Print everything as JSON.")

    def handle(self, **options: Any) -> None:
        work = backtests.preview if options["dry_run"] else backtests.run
        try:
            with bar() as progress:
                run = work(
                    as_of=options["as_of"],
                    config=find_config(options["config"]) if options["config"] else None,
                    options=backtests.options_of(options),
                    progress=progress,
                )
        except CrmError as error:
            raise CommandError(str(error)) from error
        shown = reports.to_json(backtest_facts(run)) if options["json"] else backtest_words(run)
        self.stdout.write(shown)
