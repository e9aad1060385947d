"""Remove what is past its time now, or say what would go."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_project.common.services.tidying import Done, Tidied, tidy


class Command(BaseCommand):
    help = "Remove files, sessions, sign-ins, stored answers and jobs that are past their time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, **options: Any) -> None:
        done = tidy(dry_run=options["dry_run"])
        self.stdout.write(_facts(done) if options["json"] else _words(done))
        if done.troubles:
            raise CommandError(" ".join(done.troubles))


def _facts(done: Tidied) -> str:
    parts = {
        part.chore.what: {
            "removed": part.cleared.removed if part.cleared else 0,
            "days": part.chore.days if part.chore.setting else None,
            "kept_for_ever": part.chore.kept_for_ever,
            "note": part.cleared.note if part.cleared else "",
            "troubles": part.cleared.troubles if part.cleared else (),
        }
        for part in done.parts
    }
    return json.dumps({"dry_run": done.dry_run, "removed": done.removed, "parts": parts}, indent=2)


def _words(done: Tidied) -> str:
    return "\n".join(_line(part, "would go" if done.dry_run else "removed") for part in done.parts)


def _line(part: Done, verb: str) -> str:
    chore, cleared = part.chore, part.cleared
    if cleared is None:
        return f"{chore.what}: kept for ever ({chore.setting}=0)."
    goes = chore.goes.format(days=chore.days)
    return f"{chore.what}: {cleared.removed:,} {verb}, {goes}. {cleared.note}".rstrip()
