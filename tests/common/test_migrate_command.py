"""Migrating gives way to who uses a table, tries again, and is done by one process at a time."""

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connection

from crm_project.common.exceptions import ConflictError
from crm_project.common.services import migrating
from crm_project.common.services.migrating import migrate_beside_others

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.owner]


def connect(**options):
    config = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    given = {name: config[key] for name, key in names.items() if config[key]}
    return psycopg.connect(dbname=config["NAME"], **given, **options)


@pytest.fixture
def other():
    """Somebody else, at the same database."""
    with connect(autocommit=True) as somebody:
        yield somebody


@pytest.fixture
def table(other):
    other.execute("create table public.in_use (id int)")
    yield
    other.execute("drop table public.in_use")


@pytest.fixture
def reader(table, other):
    """Somebody who reads the table, in a transaction that stays open."""
    with connect() as somebody:
        somebody.execute("select * from public.in_use")
        yield somebody
        somebody.rollback()


def run(work, *, attempts=3, turn_seconds=0, say=lambda words: None):
    migrate_beside_others(
        connection=connection,
        work=work,
        lock_seconds=1,
        attempts=attempts,
        turn_seconds=turn_seconds,
        say=say,
    )


def add_a_column():
    with connection.cursor() as cursor:
        cursor.execute("alter table public.in_use add name text")


def lock_timeout():
    with connection.cursor() as cursor:
        cursor.execute("show lock_timeout")
        return cursor.fetchone()[0]


def test_a_change_gives_way_and_is_made_once_the_reader_has_gone(reader, other):
    said = []

    def hear(words):
        said.append(words)
        # Between two attempts nobody waits behind the change.
        other.execute("set lock_timeout = '100ms'")
        other.execute("select * from public.in_use")
        reader.rollback()

    run(add_a_column, say=hear)

    assert said == ["Somebody uses what is to be changed (attempt 1 of 3)."]
    assert other.execute("select name from public.in_use").fetchall() == []


def test_it_gives_up_in_words_when_the_reader_stays(reader, monkeypatch):
    monkeypatch.setattr(migrating.time, "sleep", lambda seconds: None)

    with pytest.raises(ConflictError, match="in use for all of 2 attempts"):
        run(add_a_column, attempts=2)

    assert lock_timeout() == "0"


def test_other_errors_are_not_tried_again():
    calls = []

    def fail():
        calls.append(1)
        with connection.cursor() as cursor:
            cursor.execute("alter table public.nowhere add name text")

    with pytest.raises(ProgrammingError):
        run(fail)

    assert len(calls) == 1


def test_a_lost_connection_is_reported_as_what_it_is(other):
    def lose():
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(OperationalError, match="terminating connection"):
        run(lose)

    connection.close()


def test_the_second_one_waits_for_its_turn(other):
    other.execute(f"select pg_advisory_lock({migrating._TURN})")
    said = []

    def hear(words):
        said.append(words)
        other.execute(f"select pg_advisory_unlock({migrating._TURN})")

    run(lambda: None, turn_seconds=60, say=hear)

    assert said == ["Another process migrates; waiting for it."]


def test_a_command_whose_turn_does_not_come_says_so(other, capsys):
    other.execute(f"select pg_advisory_lock({migrating._TURN})")

    with pytest.raises(CommandError, match="was not done in 0 s"):
        call_command("migrate", turn_seconds=0, verbosity=0)


def test_looking_takes_no_turn(other):
    other.execute(f"select pg_advisory_lock({migrating._TURN})")

    call_command("migrate", check_unapplied=True, verbosity=0)


def test_after_it_the_turn_is_free(other):
    call_command("migrate", verbosity=0)

    free = other.execute(f"select pg_try_advisory_lock({migrating._TURN})").fetchone()
    assert free == (True,)
