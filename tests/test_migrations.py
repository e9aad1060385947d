"""Migrations run forward, back to zero and forward again, and match the models."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from tests import database_template

OURS = ("recommendations", "analytics", "orders", "customers", "common")


def tables():
    with connection.cursor() as cursor:
        cursor.execute(
            "select tablename from pg_tables "
            "where schemaname not in ('pg_catalog', 'information_schema')"
        )
        return {name for (name,) in cursor.fetchall()}


def belongs_to_us(table):
    return table.startswith(tuple(f"{label}_" for label in OURS))


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration():
    call_command("makemigrations", check=True, dry_run=True, stdout=io.StringIO())


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
@pytest.mark.owner
def test_migrations_go_forward_back_to_zero_and_forward_again(scratch_database):
    before = tables()
    assert any(belongs_to_us(table) for table in before)

    for label in OURS:
        call_command("migrate", label, "zero", verbosity=0)
    assert not [table for table in tables() if belongs_to_us(table)]

    call_command("migrate", verbosity=0)
    assert tables() == before


@pytest.fixture
def scratch_database():
    """A database of its own, so that the other tests keep theirs."""
    scratch = f"{connection.settings_dict['NAME']}_migrations"
    # Where the tests' database is a copy of a migrated one, so is this.
    template = connection.settings_dict["TEST"]["TEMPLATE"] or "template1"
    with connection.cursor() as cursor:
        cursor.execute(f'drop database if exists "{scratch}" with (force)')
        cursor.execute(f'create database "{scratch}" template "{template}"')
    try:
        with database_template.on_database(scratch):
            call_command("migrate", verbosity=0)
            yield scratch
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'drop database "{scratch}" with (force)')
