"""Find what customers did after a contact, and what the contact changed."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management.made_reports import bar
from crm_project.common.exceptions import CrmError
from recommendations.management.outcome_words import outcome_facts, outcome_words
from recommendations.services.learning import propose
from recommendations.services.outcome_step import measure_outcomes


class Command(BaseCommand):
    help = "Attribute later orders to contacts, and report the lift against the control groups."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", type=date.fromisoformat, metavar="DATE", help=_AS_OF)
        parser.add_argument("--all", action="store_true", help=_ALL)
        parser.add_argument("--propose", action="store_true", help=_PROPOSE)
        parser.add_argument("--json", action="store_true", help="Print the reports as JSON.")

    def handle(self, **options: Any) -> None:
        day = options["as_of"]
        try:
            with bar() as progress:
                found = measure_outcomes(as_of=day, everything=options["all"], progress=progress)
            proposal = propose(as_of=day) if options["propose"] else None
        except CrmError as error:
            raise CommandError(str(error)) from error
        facts = outcome_facts(found, proposal)
        self.stdout.write(json.dumps(facts, indent=2) if options["json"] else outcome_words(facts))


_AS_OF = (
    "Report what was known at the end of this day, like 2011-11-09. Default: today. For a day "
    "before the one that outcomes are known up to, only the reports are made."
)
_ALL = "Look at all orders again, not only at those of the last weeks (after a late import)."
_PROPOSE = "Also propose settings from what was learned; a person activates them."
