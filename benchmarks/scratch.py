"""A database of its own for a benchmark that writes, so that the others find theirs untouched."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection


@contextmanager
def database(name: str) -> Iterator[None]:
    """Work in a new, migrated database, which is dropped afterwards."""
    usual = connection.settings_dict["NAME"]
    sql(f"drop database if exists {name}")
    sql(f"create database {name}")
    _use(name)
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        _use(usual)
        sql(f"drop database if exists {name}")


def sql(statement: str) -> None:
    """Run one statement, or several."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
