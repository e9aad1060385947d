"""Process signals again: the quarantine after a repair, or the raw log."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.services import signal_replay
from crm_project.common.exceptions import CrmError


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Process signals again: those in quarantine, or the whole raw log. Repeatable."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--quarantine", action="store_true", help="What waits in quarantine for a decision."
        )
        what.add_argument(
            "--raw",
            action="store_true",
            help="The raw log: what it has and the signals lack is stored. Default with --since.",
        )
        parser.add_argument(
            "--since",
            type=_moment,
            metavar="TIME",
            help="Only what came at or after this time, like 2026-01-31 or 2026-01-31T12:00Z.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would happen.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, **options: Any) -> None:
        if not (options["quarantine"] or options["raw"] or options["since"]):
            raise CommandError("Say what to replay: --quarantine, --raw or --since TIME.")
        chosen = {"since": options["since"], "dry_run": options["dry_run"]}
        replay = (
            signal_replay.replay_quarantine if options["quarantine"] else signal_replay.replay_raw
        )
        try:
            done = replay(**chosen)
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(done)) if options["json"] else in_words(done))


def in_words(done: signal_replay.Replayed) -> str:
    """Return what a replay did as a sentence."""
    would = "would be " if done.dry_run else ""
    return (
        f"Looked at {done.looked_at:,}: {done.stored:,} {would}stored, {done.known:,} known, "
        f"{done.duplicate:,} duplicates, {done.refused:,} {would}refused."
    )
