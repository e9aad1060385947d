"""What the page Database, db_report and db_check say is what the database does."""

import json
import re
import threading
from io import StringIO

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from crm_project.common.formats import NOTHING
from crm_project.common.selectors import database_check
from crm_project.common.selectors.database_check import findings
from crm_project.common.selectors.database_report import report, written
from tests.factories import CustomerFactory
from tests.signals import a_signal

PAGE = "/admin/common/refreshstate/database/"


def part(key):
    return next(section for section in report(limit=200) if section.key == key)


def told(name):
    return [finding for finding in findings() if finding.check == name]


def run(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


@pytest.fixture
def worn():
    """A table with two indexes and an expression, of which nine rows of ten are gone."""
    given = connection.settings_dict
    with psycopg.connect(
        host=given["HOST"], port=given["PORT"], user=given["USER"], dbname=given["NAME"],
        autocommit=True,
    ) as session:  # fmt: skip
        session.execute("set search_path = public")
        session.execute(
            "create table worn (id int primary key, code text, note text, spare int)"
            " with (autovacuum_enabled = off)"
        )
        session.execute(
            "insert into worn select n, 'code ' || n, case when n % 3 = 0 then repeat('x', 50) end,"
            " n from generate_series(1, 200000) as n"
        )
        session.execute("create unique index worn_code on worn (code)")
        session.execute("create index worn_note on worn (lower(note || code))")
        try:
            yield session
        finally:
            session.execute("drop table worn")


def bloat(session):
    session.execute("analyze worn")
    return {row[0]: row for row in part("bloat").rows if row[0].startswith("worn")}


@pytest.mark.owner
@pytest.mark.django_db(transaction=True)
def test_room_that_deleted_rows_left_is_estimated_and_what_is_fresh_has_none(worn):
    assert bloat(worn) == {}

    worn.execute("delete from worn where id % 10 <> 0")
    worn.execute("vacuum worn")
    found = bloat(worn)

    assert {name: row[1] for name, row in found.items()} == {
        "worn": "table",
        "worn_pkey": "index",
        "worn_code": "index",
        "worn_note": "index",
    }
    for name, (_, _, size, enough, room, share) in found.items():
        assert room == size - enough
        assert 80 < share < 95, name

    worn.execute("vacuum full worn")
    assert bloat(worn) == {}


@pytest.mark.django_db
class TestReport:
    def test_partitions_count_for_their_table(self):
        a_signal(CustomerFactory())
        names = [row[0] for row in part("tables").rows]

        assert "analytics_signal" in names
        assert [name for name in names if name.startswith("analytics_signal_2")] == []
        assert len(names) == len(set(names))

    def test_slow_queries_hold_no_values_and_nothing_but_queries(self):
        CustomerFactory(email="ada@example.org")
        run("select count(*) from customers_customer where email = 'ada@example.org'")

        texts = [row[0] for row in part("slow").rows]

        assert any("customers_customer" in text for text in texts)
        assert not any("ada@example.org" in text for text in texts)
        assert {text.split()[0].lower() for text in texts} <= {
            *("select", "insert", "update", "delete", "merge", "with")
        }

    @pytest.mark.owner
    def test_an_index_that_nobody_used_is_named_once_it_is_big_enough(self):
        run("create table lonely (id int primary key, other int)")
        run("insert into lonely select n, n from generate_series(1, 20000) as n")
        run("create index lonely_other on lonely (other)")

        found = {row[0] for row in part("unused").rows}

        assert "lonely_other" in found
        assert "lonely_pkey" not in found

    @pytest.mark.owner
    def test_indexes_nobody_used_say_since_when_that_is_counted(self):
        run("create table lonely (id int primary key, other int)")
        run("insert into lonely select n, n from generate_series(1, 20000) as n")
        run("create index lonely_other on lonely (other)")
        [row] = [row for row in part("unused").rows if row[0] == "lonely_other"]
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC|not known", row[4])
        [since] = [row[1] for row in part("overview").rows if row[0] == "Statistics since"]
        assert row[4] == since

    @pytest.mark.parametrize(
        ("value", "kind", "text"),
        [
            (None, "count", NOTHING),
            (1234, "count", "1,234"),
            (12.34, "percent", "12.3 %"),
            (1234.56, "ms", "1,234.6 ms"),
            ("select\n  1", "query", "select 1"),
        ],
    )
    def test_values_are_written_for_people(self, value, kind, text):
        assert written(value, kind) == text

    def test_the_commands_print_it(self):
        for arguments in ([], ["--json"]):
            out = StringIO()
            call_command("db_report", *arguments, stdout=out)
            assert "Slowest queries" in out.getvalue()
        assert [section["key"] for section in json.loads(out.getvalue())][:2] == [
            "overview",
            "slow",
        ]


@pytest.mark.django_db
class TestChecks:
    def test_a_healthy_database_has_nothing_bad(self):
        assert [finding for finding in findings() if finding.level == "bad"] == []

    @pytest.mark.owner
    def test_a_sequence_that_runs_out(self):
        run("create sequence small_one maxvalue 100")
        run("select setval('small_one', 90)")

        [finding] = told("numbers run out")

        assert finding.what == "The sequence public.small_one has used 90 % of its numbers."
        with pytest.raises(CommandError):
            call_command("db_check", stdout=StringIO())

    @pytest.mark.owner
    def test_a_constraint_that_was_not_proved(self):
        run("create table t (a int)")
        run("alter table t add constraint t_positive check (a > 0) not valid")

        assert "t_positive" in told("unproved constraint")[0].what

    @pytest.mark.owner
    def test_a_large_object_that_nobody_expects(self):
        run("select lo_create(0)")

        [finding] = told("large objects")

        with connection.cursor() as cursor:
            cursor.execute("select current_user")
            assert f"1 large objects, made by {cursor.fetchone()[0]}:" in finding.what

    def test_production_is_told_that_it_runs_as_a_superuser(self, settings):
        settings.PRODUCTION = True
        settings.CRM_ENV = "production"

        checks = {finding.check for finding in findings()}

        with connection.cursor() as cursor:
            cursor.execute("select rolsuper from pg_roles where rolname = current_user")
            assert ("login" in checks) == cursor.fetchone()[0]
        assert "durability" in checks  # the tests' own server does not sync

    def test_every_check_can_write_its_sentence(self):
        """Only rows make a check write; this fills each with what its statement would return."""
        with connection.cursor() as cursor:
            for check in database_check._CHECKS:
                cursor.execute(check.sql, {})
                row = database_check._Row({column.name: 1 for column in cursor.description})
                assert row.fill(check.what)
                assert check.hint

    def test_the_command_counts_what_it_looked_for(self):
        out = StringIO()
        call_command("db_check", stdout=out)
        assert f"{len(database_check.names())} checks" in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_whom_is_seen_while_it_lasts():
    customer = CustomerFactory()
    config = connection.get_connection_params()
    place = {name: config[name] for name in ("host", "port", "user", "dbname")}
    update = "update customers_customer set name = 'x' where id = %s"
    with psycopg.connect(**place) as holder, psycopg.connect(**place) as waiter:
        holder.execute(update, [customer.pk])
        waiting = threading.Thread(target=waiter.execute, args=(update, [customer.pk]))
        waiting.start()
        try:
            pauses = threading.Event()
            for _ in range(200):
                rows = part("locks").rows
                if rows:
                    break
                pauses.wait(0.05)
        finally:
            holder.rollback()
            waiting.join(timeout=30)
        assert rows[0][0] == str(waiter.info.backend_pid)
        assert rows[0][3] == str(holder.info.backend_pid)


@pytest.mark.django_db
def test_the_page_needs_its_right_and_shows_every_part(client, staff_user):
    client.force_login(staff_user)
    assert client.get(PAGE).status_code == 403
    staff_user.user_permissions.add(Permission.objects.get(codename="view_database"))

    page = client.get(reverse("admin:common_database")).content.decode()

    for section in report():
        if section.key != "overview":
            assert f"<h2>{section.title}</h2>" in page
    assert "What is wrong" in page
