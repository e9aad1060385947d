"""Django's ``migrate``, safe to run beside people who work and beside itself."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from crm_project.common.exceptions import ConflictError
from crm_project.common.services.migrating import migrate_beside_others


class Command(Migrate):
    help = "Bring the database up to date: one process at a time, giving way to people who work."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-seconds", type=int, default=5, help="Wait so long for a table (0: for ever)."
        )
        parser.add_argument("--attempts", type=int, default=10, help="Then try again so often.")
        parser.add_argument(
            "--turn-seconds", type=int, default=600, help="Wait so long for another migrate."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        try:
            migrate_beside_others(
                connection=connections[options["database"]],
                work=lambda: super(Command, self).handle(*args, **options),
                lock_seconds=options["lock_seconds"],
                attempts=options["attempts"],
                turn_seconds=options["turn_seconds"],
                say=self.stderr.write,
            )
        except ConflictError as error:
            raise CommandError(str(error)) from error
