"""Embed customers now."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.management.embedding_reports import estimate_words, run_facts, run_words
from analytics.management.made_reports import bar
from analytics.services.embeddings import BATCH, embed_customers, estimate
from crm_project.common.exceptions import CrmError


class Command(BaseCommand):
    help = "Turn what customers like into vectors, for those who are new or have changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--limit", type=int, metavar="N", help=f"At most so many customers. Default: {BATCH}."
        )
        parser.add_argument("--all", action="store_true", help="Everybody who waits.")
        parser.add_argument(
            "--anew",
            action="store_true",
            help="Also those whose text is the same, by a model that learns from today's texts.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Only say how many would be embedded, and what it would cost at most.",
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, **options: Any) -> None:
        asked = {name: options[name] for name in ("limit", "all", "anew")}
        try:
            if options["dry_run"]:
                found = estimate(**asked)
                facts, words = run_facts(found), estimate_words(found)
            else:
                with bar() as progress:
                    done = embed_customers(**asked, progress=progress)
                facts, words = run_facts(done), run_words(done)
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(facts, indent=2) if options["json"] else words)
