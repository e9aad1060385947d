"""Make, list, verify, prune and restore backups, and prove them by drills."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from rich.console import Console

from crm_project.backup import packing
from crm_project.common.exceptions import CrmError
from crm_project.common.management import backup_reports as reports
from crm_project.common.selectors.backups import backups_there, newest_drills
from crm_project.common.services import backups, log_drills, restores
from crm_project.embedded import end_cleanly_on_signals


def _nobody(done: int, total: int | None, message: str) -> None:
    """Progress that nobody wants to see."""


class Command(BaseCommand):
    help = (
        "Make, list, verify, prune and restore backups of the database, and prove them by drills."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")

        def way(name: str, words: str) -> ArgumentParser:
            made: ArgumentParser = ways.add_parser(name, help=words, description=words)
            made.add_argument("--json", action="store_true", help="Print facts as JSON.")
            return made

        way("create", "Make a backup; remove those past retention afterwards.")
        way("list", "List the backups that are there.")
        verify = way("verify", "Read a backup and compare it with its SHA-256.")
        verify.add_argument("name", nargs="?", default="", help="Default: the newest.")
        verify.add_argument("--all", action="store_true", help="All that are there.")
        prune = way("prune", "Remove backups past retention; the last good one stays.")
        prune.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        drill = way("drill", "Restore a backup beside the database, compare it, drop it again.")
        drill.add_argument("name", nargs="?", default="", help="Default: the newest.")
        drill.add_argument("--point-in-time", action="store_true",
                           help="Restore the archive of the log instead, to its end.")  # fmt: skip
        restore = way(
            "restore", "Bring a backup back for good, compared before it is put in place."
        )
        restore.add_argument("name", nargs="?", default="", help="Default: the newest.")
        restore.add_argument("--into", default="", metavar="NAME", help="A new database instead.")
        restore.add_argument("--force", action="store_true",
                             help="Replace a database that is not empty; it is kept.")  # fmt: skip
        way("key", "Make a new key for CRM_BACKUP_KEY, and print it once.")

    def run_from_argv(self, argv: list[str]) -> None:
        # A pod that is moved gets SIGTERM: nothing half may stay, here or on the server.
        end_cleanly_on_signals()
        super().run_from_argv(argv)

    def handle(self, **options: Any) -> None:
        try:
            getattr(self, f"_{options['way']}")(options)
        except CrmError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            said = str(error).strip().partition("\n")[0]
            raise CommandError(
                f"The history of backups is in the database, which refused: {said} Where the "
                "database is new or lost, manage.py backup restore needs none of it."
            ) from error

    def _create(self, options: dict[str, Any]) -> None:
        with self._bar(options) as progress:
            run = backups.create_backup(progress=progress)
        self._say(options, reports.created(run), reports.created_facts(run))

    def _list(self, options: dict[str, Any]) -> None:
        found, drills = backups_there(), newest_drills()
        if options["json"]:
            self.stdout.write(reports.to_json([reports.entry_facts(e, drills) for e in found]))
        else:
            self._console().print(reports.table(found, drills))

    def _verify(self, options: dict[str, Any]) -> None:
        results = backups.verify_backups(name=options["name"], every=options["all"])
        for result in results:
            self._say(options, reports.verified(result), {"name": result.name, "opened":
                      result.opened, "problem": result.problem})  # fmt: skip
        if damaged := [result.name for result in results if result.problem]:
            raise CommandError(f"Of no use: {', '.join(damaged)}.")

    def _prune(self, options: dict[str, Any]) -> None:
        result = backups.prune_backups(dry_run=options["dry_run"])
        facts = {"removed": result.removed, "halves": result.halves, "refused": result.refused}
        self._say(options, reports.pruned(result, dry_run=options["dry_run"]), facts)

    def _drill(self, options: dict[str, Any]) -> None:
        if options["point_in_time"] and options["name"]:
            raise CommandError("The archive of the log is restored from its newest base backup.")
        with self._bar(options) as progress:
            if options["point_in_time"]:
                run = log_drills.drill_log(progress=progress)
            else:
                run = restores.drill(name=options["name"], progress=progress)
        self._say(options, reports.drilled(run), reports.drilled_facts(run))

    def _restore(self, options: dict[str, Any]) -> None:
        with self._bar(options) as progress:
            result = restores.restore_backup(
                name=options["name"],
                into=options["into"],
                force=options["force"],
                progress=progress,
            )
        self._say(options, reports.restored(result), reports.restored_facts(result))

    def _key(self, options: dict[str, Any]) -> None:
        secret, public = packing.new_key()
        words = f"# public part: {public}\nCRM_BACKUP_KEY={secret}"
        self._say(options, words, {"secret": secret, "public": public})

    def _say(self, options: dict[str, Any], words: str, facts: dict[str, Any]) -> None:
        self.stdout.write(reports.to_json(facts) if options["json"] else words)

    def _console(self) -> Console:
        # Not the wrapper: it would end each piece of the bar with a new line.
        return Console(file=cast("IO[str]", self.stdout._out))

    @contextmanager
    def _bar(self, options: dict[str, Any]) -> Iterator[Any]:
        with nullcontext(_nobody) if options["json"] else reports.bar(self._console()) as progress:
            yield progress
