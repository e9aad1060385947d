"""Refuse a bad configuration at start, each mistake with a number and a hint."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from crm_project import background, valkey
from crm_project.backup import retention
from crm_project.backup.errors import WrongKeyError
from crm_project.backup.targets import refused
from crm_project.common import tidying
from crm_project.common.services.sign_ins import KNOWN_FOR


@register("crm")
def production_is_safe(**kwargs: Any) -> list[Error]:
    """With ``CRM_ENV=production`` nothing that is meant for development may be in use."""
    if settings.CRM_ENV not in {"development", "production", "test"}:
        return [
            Error(
                f"CRM_ENV is {settings.CRM_ENV!r}.",
                hint="Set CRM_ENV to development, test or production.",
                id="crm.E001",
            )
        ]
    if not settings.PRODUCTION:
        return []
    rules = [
        (
            settings.SECRET_KEY == settings.DEFAULT_SECRET_KEY,
            "The default secret key is in use.",
            "Set DJANGO_SECRET_KEY (or DJANGO_SECRET_KEY_FILE) to 50 random characters.",
            "crm.E002",
        ),
        (settings.DEBUG, "DEBUG is on.", "Unset DJANGO_DEBUG.", "crm.E003"),
        (
            settings.EMBEDDED_POSTGRES,
            "The embedded PostgreSQL is not for production.",
            "Set DATABASE_URL or POSTGRES_HOST: a PostgreSQL 18 server with the vector extension.",
            "crm.E004",
        ),
        (
            settings.EMBEDDED_VALKEY,
            "The embedded Valkey is not for production.",
            "Set REDIS_URL to a Valkey or Redis server with appendfsync always.",
            "crm.E005",
        ),
        (
            not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS,
            "The host names of this site are not set.",
            "Set DJANGO_ALLOWED_HOSTS to the names that browsers use, separated by commas.",
            "crm.E006",
        ),
    ]
    return [Error(what, hint=hint, id=number) for wrong, what, hint, number in rules if wrong]


@register("crm")
def doors_are_shut(**kwargs: Any) -> list[CheckMessage]:
    """A password alone should open nothing in production."""
    if not settings.PRODUCTION or settings.CRM_SECOND_FACTOR:
        return []
    what = "Staff get in with a password alone."
    hint = "Unset CRM_SECOND_FACTOR, unless another place in front of this one asks for more."
    return [Warning(what, hint=hint, id="crm.W014")]


@register("crm", deploy=True)
def nobody_listens_on_the_way(**kwargs: Any) -> list[CheckMessage]:
    """What goes to other machines is encrypted, and whoever answers there proves who it is."""
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    if open_ways := [name for name in settings.DATABASES if not tls_of(name)]:
        what = f"Connections to the database ({', '.join(open_ways)}) may be read or diverted."
        hint = "Set PGSSLMODE=verify-full and PGSSLROOTCERT; docs/operations.md#tls."
        found.append(Warning(what, hint=hint, id="crm.W015"))
    if not all(map(valkey.is_proved, (settings.REDIS_URL, settings.CRM_QUEUE_URL))):
        what = "Connections to Valkey may be read or diverted."
        hint = "Set REDIS_URL (and CRM_QUEUE_URL) to rediss://… and REDIS_SSLROOTCERT."
        found.append(Warning(what, hint=hint, id="crm.W016"))
    return found


def tls_of(name: str) -> bool:
    """Tell whether a connection stays on this machine or looks at the server's certificate."""
    config = settings.DATABASES[name]
    if all(map(valkey.is_here, str(config.get("HOST", "")).split(","))):
        return True
    # What is not among the options, PostgreSQL's own library reads from the environment.
    mode = config.get("OPTIONS", {}).get("sslmode") or os.environ.get("PGSSLMODE", "")
    return mode == "verify-full"


@register("crm")
def backups_can_be_made(**kwargs: Any) -> list[CheckMessage]:
    """What is wrong with backups must be known by day, not in the night when one is needed."""
    wanted = settings.CRM_BACKUP
    found: list[CheckMessage] = []
    if wanted.url and (words := refused(wanted.url)):
        found.append(Error(words, hint="Set CRM_BACKUP_URL to one of these.", id="crm.E010"))
    try:
        wanted.keys.addressees()
        if wanted.keys.identity:
            wanted.keys.secrets()
    except WrongKeyError as error:
        hint = "Set it to what manage.py backup key prints, or unset it."
        found.append(Error(str(error), hint=hint, id="crm.E011"))
    if words := retention.wrong(wanted.keep_days):
        found.append(
            Error(words, hint="Set CRM_BACKUP_KEEP_DAYS to one, or unset it.", id="crm.E014")
        )
    elif wanted.s3.lock_days > wanted.keep_days:
        what = "Backups are locked for longer than they are kept: no night can remove them in time."
        hint = "Set CRM_BACKUP_LOCK_DAYS to no more than CRM_BACKUP_KEEP_DAYS."
        found.append(Warning(what, hint=hint, id="crm.W017"))
    if settings.PRODUCTION:
        found += _backups_of_production()
    return found


@register("crm")
def days_can_be_meant(**kwargs: Any) -> list[CheckMessage]:
    """A wrong number of days would remove what is still needed, or stop the night's tidying."""
    found: list[CheckMessage] = [
        Error(chore.wrong, hint=f"Set {chore.setting} to one, or unset it.", id="crm.E012")
        for chore in tidying.chores()
        if chore.wrong
    ]
    if 0 < settings.CRM_KEEP_SIGN_IN_DAYS < KNOWN_FOR.days:
        what = "Sign-ins are removed while locks still look for them: people may be locked out."
        hint = f"Set CRM_KEEP_SIGN_IN_DAYS to {KNOWN_FOR.days} or more, or to 0."
        found.append(Warning(what, hint=hint, id="crm.W018"))
    return found


@register("crm")
def the_worker_gives_way(**kwargs: Any) -> list[CheckMessage]:
    """Below 0 it would go before the people who wait for a page."""
    hint = "Set CRM_WORKER_NICE to one, or unset it."
    wrong = background.wrong(settings.CRM_WORKER_NICE)
    return [Error(wrong, hint=hint, id="crm.E013")] if wrong else []


def _backups_of_production() -> list[CheckMessage]:
    wanted = settings.CRM_BACKUP
    if not wanted.url and wanted.by_beat:
        what = "Every night a backup is due, and there is no place for it."
        hint = "Set CRM_BACKUP_URL; or CRM_BACKUP_BY_BEAT=false where something else makes backups."
        return [Warning(what, hint=hint, id="crm.W012")]
    if wanted.url and not (wanted.keys.identity or wanted.keys.recipients):
        what = "Backups are not encrypted: whoever reads the place has all customers' data."
        hint = "Set CRM_BACKUP_KEY, or CRM_BACKUP_RECIPIENTS (manage.py backup key makes one)."
        return [Warning(what, hint=hint, id="crm.W013")]
    return []
