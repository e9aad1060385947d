"""Migrations run forward, back to zero and forward again, and match the models."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

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
    usual = connection.settings_dict["NAME"]
    scratch = f"{usual}_migrations"
    with connection.cursor() as cursor:
        cursor.execute(f'drop database if exists "{scratch}" with (force)')
        cursor.execute(f'create database "{scratch}"')
    connection.close()
    connection.settings_dict["NAME"] = scratch
    try:
        call_command("migrate", verbosity=0)
        yield scratch
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
        with connection.cursor() as cursor:
            cursor.execute(f'drop database "{scratch}" with (force)')
