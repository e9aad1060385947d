"""Make the database roles what they should be; part of every deployment, after ``migrate``."""

import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_project.common.exceptions import CrmError
from crm_project.common.services.roles import apply_roles


class Command(BaseCommand):
    help = (
        "Create and limit the database's roles, give each what it needs and take away the rest."
        " Safe to run again; run it after every migrate. Passwords come from CRM_ADMIN_PASSWORD,"
        " CRM_APP_PASSWORD, CRM_ML_PASSWORD and CRM_ASK_PASSWORD."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Show what would be done.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = apply_roles(passwords=settings.CRM_ROLE_PASSWORDS, dry_run=options["dry_run"])
        except CrmError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(done), ensure_ascii=False))
            return
        if options["dry_run"]:
            self.stdout.write(";\n".join(done.statements) + ";")
            return
        self.stdout.write(f"{', '.join(done.roles)}: {len(done.statements)} statements applied.")
        for name in done.without_password:
            self.stdout.write(self.style.WARNING(f"{name} has no password: nobody can log in so."))
