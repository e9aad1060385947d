"""What the settings say of backups, as the package that makes them wants it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from crm_project.backup.errors import BackupError, BusyError
from crm_project.backup.packing import Keys
from crm_project.backup.server import Programs, Server, find_programs
from crm_project.backup.targets import Target, open_target
from crm_project.common.exceptions import ConflictError, CrmError

PREFIX = "crm"


def target() -> Target:
    """Return where backups lie. Raises ``BackupError`` when nothing is set."""
    if not settings.CRM_BACKUP.url:
        raise BackupError(
            "There is no place for backups. Set CRM_BACKUP_URL to file:///folder or "
            "s3://bucket/prefix."
        )
    return open_target(settings.CRM_BACKUP.url, settings.CRM_BACKUP.s3)


def keys() -> Keys:
    return settings.CRM_BACKUP.keys


def programs() -> Programs:
    return find_programs(settings.CRM_BACKUP.programs, embedded=settings.EMBEDDED_POSTGRES)


def server() -> Server:
    """Return the database that Django uses, by the login for backups if there is one."""
    usual = connection.settings_dict
    config: dict[str, Any] = settings.CRM_BACKUP.database or usual
    options = {
        name: str(value)
        for name, value in {**usual.get("OPTIONS", {}), **config.get("OPTIONS", {})}.items()
        if name.startswith(("ssl", "gss", "channel_binding", "target_session_attrs"))
    }
    reached = {"host": config["HOST"], "port": config["PORT"], "user": config["USER"]}
    parameters = {name: str(value) for name, value in reached.items() if value}
    # The tests' database has another name than the one in the settings.
    database = (settings.CRM_BACKUP.database or usual)["NAME"]
    return Server(str(database), {**parameters, **options}, str(config["PASSWORD"] or ""))


@contextmanager
def in_words() -> Iterator[None]:
    """Let what goes wrong with backups be an error that people read on every way in."""
    try:
        yield
    except BusyError as error:
        raise ConflictError(str(error)) from error
    except BackupError as error:
        raise CrmError(str(error)) from error


@contextmanager
def alone(where: Server, lock: int, words: str) -> Iterator[None]:
    """Be the only process at some work, as long as this one lives and holds its session.

    Raises ``BusyError`` with ``words`` when another process is at it.
    """
    with where.connect(autocommit=True) as session:
        row = session.execute("select pg_try_advisory_lock(%s)", [lock]).fetchone()
        if not (row and row[0]):
            raise BusyError(words)
        try:
            yield
        finally:
            # By hand: the server notices the end of a session only a moment after it.
            with suppress(psycopg.OperationalError):
                session.execute("select pg_advisory_unlock(%s)", [lock])
