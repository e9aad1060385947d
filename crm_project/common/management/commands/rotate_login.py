"""Change the credential of web, workers, consumers and beat without an error."""

import json
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_project.common.exceptions import CrmError
from crm_project.common.services.logins import finish_rotation, logins, start_rotation


class Command(BaseCommand):
    help = (
        "Open a second login for the application (start), and close the first once nothing uses it"
        " (finish). Run it as admin_user or a superuser."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
        start = ways.add_parser("start", help="Open the login whose turn it is.")
        words = "Holds the password; otherwise one is made and printed."
        start.add_argument("--password-file", type=Path, metavar="FILE", help=words)
        finish = ways.add_parser("finish", help="Close all logins but the newest.")
        finish.add_argument("--force", action="store_true", help="End sessions of old logins.")
        show = ways.add_parser("show", help="Show the logins and who uses them.")
        for way in (start, finish, show):
            way.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, **options: Any) -> None:
        try:
            words, facts = getattr(self, f"_{options['way']}")(options)
        except CrmError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(facts) if options["json"] else words)

    def _start(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        file = options["password_file"]
        password = _read(file) if file else secrets.token_urlsafe(32)
        name = start_rotation(password=password)
        shown = {} if file else {"password": password}
        lines = [
            f"{name} is open. Now give the processes this credential and restart them one by one;",
            "then: manage.py rotate_login finish",
            f"POSTGRES_USER={name}",
            *([] if file else [f"POSTGRES_PASSWORD={password}"]),
        ]
        return "\n".join(lines), {"login": name, **shown}

    def _finish(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        closed = finish_rotation(force=options["force"])
        words = f"Closed: {', '.join(closed)}." if closed else "Nothing was left to close."
        return words, {"closed": closed}

    def _show(self, options: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        found = logins()
        lines = [
            f"{login.name}: {'open' if login.open else 'closed'}, {login.sessions} sessions"
            + (f", opened {login.opened}" if login.opened else "")
            for login in found
        ]
        return "\n".join(lines), [asdict(login) for login in found]


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not text in UTF-8.") from error
