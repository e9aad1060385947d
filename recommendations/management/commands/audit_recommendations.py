"""Audit recommendations now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management import reports
from analytics.management.made_reports import bar
from crm_project.common.exceptions import CrmError
from recommendations.management.audit_words import audit_facts, audit_words
from recommendations.scoring.audit_rules import POLICIES
from recommendations.selectors.asked import asked_run
from recommendations.services.audit import audit


class Command(BaseCommand):
    help = "Check every recommended list and the run as a whole, and print what was found."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--run", type=int, metavar="ID", help="This run. Default: the one that everybody sees."
        )
        parser.add_argument(
            "--policy",
            choices=sorted(POLICIES),
            help="What the run must reach. Default: that of its last audit, else CRM_GATE_POLICY.",
        )
        parser.add_argument("--json", action="store_true", help="Print the audit as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                run = asked_run(options["run"])
                result = audit(run=run, policy=options["policy"], progress=progress)
        except CrmError as error:
            raise CommandError(str(error)) from error
        facts = reports.to_json(audit_facts(result)) if options["json"] else audit_words(result)
        self.stdout.write(facts)
