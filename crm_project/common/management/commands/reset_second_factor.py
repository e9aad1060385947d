"""Take somebody's second factor away, so that they set one up anew: a lost phone and no codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_project.common.models import User
from crm_project.common.services.second_factor import remove_second_factor


class Command(BaseCommand):
    help = (
        "Remove a person's second factor and recovery codes; they set one up at their next sign-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="Login name.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        removed = remove_second_factor(user=user)
        self.stdout.write(f"{user.username}: {removed} removed.")
