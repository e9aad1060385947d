"""Issue an API token and print it once."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from crm_project.common.scopes import SCOPES
from crm_project.common.services.tokens import issue_token


class Command(BaseCommand):
    help = "Issue an API token for a user and print it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="Login name; changes are recorded so.")
        parser.add_argument("--name", default="issued by command", help="What will use it.")
        parser.add_argument(
            "--scope", action="append", default=[], metavar="SCOPE", help=", ".join(SCOPES)
        )
        parser.add_argument("--expires", help="A date, a time with zone, or days like 90d.")
        parser.add_argument("--rate", default="", help="Like 600/min; empty: the default.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        try:
            _, clear = issue_token(
                user=user,
                name=options["name"],
                scopes=options["scope"],
                expires_at=parse_expiry(options["expires"]),
                rate=options["rate"],
            )
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(clear)


def parse_expiry(text: str | None) -> datetime | None:
    """Read ``2026-12-31``, ``2026-12-31T12:00Z`` or ``90d``; None where nothing is given.

    Raises:
        CrmError: none of these.
    """
    if not text:
        return None
    if text.endswith("d") and text[:-1].isdecimal() and len(text) <= 6:
        return timezone.now() + timedelta(days=int(text[:-1]))
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - made aware below
    except ValueError:
        moment = None
    if moment is None:
        raise CrmError(f"The expiry {text!r} is not a date, a time or days like 90d.")
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
