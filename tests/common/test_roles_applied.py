"""Applying the roles: what is taken back, what is kept, who may do it, and what they are told."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from psycopg import errors

from crm_project.common import roles
from crm_project.common.exceptions import CrmError
from crm_project.common.services import roles as services
from crm_project.common.services.roles import apply_roles
from recommendations.models import RecoRun
from tests import database_template
from tests.common.roles_support import NAME, PASSWORDS, on_it
from tests.factories import CustomerFactory, ProductFactory
from tests.recommendations.storage import items_of, make_config, make_run
from tests.waiting import wait_until

pytestmark = pytest.mark.owner


def test_applying_again_changes_nothing_and_takes_back_what_was_given_by_hand(login, database):
    def rights():
        with on_it(), connection.cursor() as cursor:
            cursor.execute(
                "select oid::regclass::text, relowner, (select array_agg(one order by one::text)"
                " from unnest(relacl) as one)::text from pg_class"
                " where relnamespace::regnamespace::text = any(%s) order by 1",
                [list(roles.SCHEMAS)],
            )
            return cursor.fetchall()

    before = rights()
    with on_it():
        with connection.cursor() as cursor:
            cursor.execute("grant all on customers_customer to ask_user, public")
            cursor.execute("grant pg_read_all_data to ask_user")
            cursor.execute("alter role ask_user in database roles_in_test set work_mem = '1GB'")
            cursor.execute("alter role ask_user set statement_timeout = 0")
            cursor.execute("alter role ask_user set temp_buffers = '64MB'")
        apply_roles(passwords={})

    assert rights() == before
    session = login("ask_user")
    assert session.execute("show work_mem").fetchone() != ("1GB",)
    assert session.execute("show temp_buffers").fetchone() != ("64MB",)
    assert session.execute("show statement_timeout").fetchone() == ("5s",)
    with pytest.raises(errors.InsufficientPrivilege):
        login("ask_user").execute("select * from customers_customer")


@pytest.fixture
def odd_role(database):
    """A role with an odd name that a person made, to whom somebody with the right gave more."""
    made = '"Reporting: the ""team"" (2)", giver'
    with database_template._server() as server:
        server.execute(f"create role {made.replace(', ', '; create role ')}")
        server.execute("grant pg_monitor to giver with admin option")
        server.execute("grant pg_monitor to ask_user granted by giver")
        server.execute('grant "Reporting: the ""team"" (2)" to ml_user')
        yield
        server.execute(f"drop role {made}")


@pytest.mark.usefixtures("odd_role")
def test_memberships_are_taken_back_whatever_the_roles_name_and_whoever_gave_them(database):
    with on_it():
        apply_roles(passwords={})
    with database_template._server() as server:
        found = server.execute(
            "select count(*) from pg_auth_members where member = any(%s::regrole[])",
            [["ask_user", "ml_user"]],
        )
        assert found.fetchone() == (0,)


def test_two_deployments_at_once_wait_for_each_other(database, login):
    def apply():
        try:
            return len(apply_roles(passwords=PASSWORDS).statements)
        finally:
            connection.close()  # each thread has its own

    with on_it(), ThreadPoolExecutor(3) as at_once:
        done = [at_once.submit(apply) for _ in range(3)]
        counted = {one.result(timeout=120) for one in done}
    assert len(counted) == 1
    assert login("app_user").execute("select 1").fetchone() == (1,)


@pytest.fixture
def another(database):
    """Another superuser's session on it, in a transaction that ends with the test."""
    with database_template.on_database(NAME):
        given = connection.get_connection_params()
    given = {key: given[key] for key in ("host", "port", "user", "dbname")}
    with psycopg.connect(**given) as session:
        yield session
        session.rollback()


def test_a_table_that_somebody_uses_is_told_in_words(login, another, monkeypatch):
    monkeypatch.setattr(services, "_LOCK_SECONDS", 1)
    another.execute("alter table orders_order owner to current_user")
    another.commit()
    another.execute("select from orders_order limit 1")

    with on_it(), pytest.raises(CommandError, match=r"in use for 1 s\..*run apply_roles again"):
        call_command("apply_roles")

    another.rollback()
    with on_it():
        apply_roles(passwords={})
    login("admin_user").execute("alter table orders_order alter column id set statistics 100")


def test_a_role_that_somebody_changes_at_the_same_time_is_told_in_words(another):
    waiting = "select from pg_stat_activity where %s = any(pg_blocking_pids(pid))"

    def apply():
        with pytest.raises(CrmError, match="The roles stay as they were: tuple concurrently"):
            apply_roles(passwords={})
        connection.close()  # each thread has its own

    another.execute("alter role ml_user connection limit 9")
    with on_it(), ThreadPoolExecutor(1) as beside:
        done = beside.submit(apply)
        with database_template._server() as server:
            pid = another.info.backend_pid
            wait_until(lambda: server.execute(waiting, [pid]).fetchone() is not None)
        another.commit()
        done.result(timeout=60)
        apply_roles(passwords={})


def test_the_owner_can_apply_them_and_migrate(database, login):
    with on_it("admin_user"):
        applied = apply_roles(passwords={"app_user": PASSWORDS["app_user"]})
        call_command("migrate", "recommendations", "0014", verbosity=0)
        call_command("migrate", verbosity=0)

    assert applied.kept
    assert login("app_user").execute("select count(*) from customers_customer").fetchone() == (2,)


def test_a_run_in_progress_keeps_its_tables(database, login):
    session = login("app_user")
    with on_it():
        RecoRun.objects.create(
            pk=4711, as_of=timezone.localdate(), time_zone="UTC", config=make_config()
        )
        session.execute("select crm_private.reco_open(4711)")
        apply_roles(passwords={})

    session.execute("select * from recommendations_recoitem_4711")
    session.execute("select crm_private.reco_drop(4711)")


def test_the_application_cannot_open_a_run_that_people_see(login):
    session = login("app_user")
    with on_it():
        run = make_run([(CustomerFactory(), ProductFactory(), 1)])
    opening = "select crm_private.reco_open(%s)"
    making = "update recommendations_recorun set status = 'running', is_current = false"

    with pytest.raises(errors.RaiseException, match=f"Run {run.pk} is not being made"):
        session.execute(opening, [run.pk])
    session.execute(f"{making} where id = %s", [run.pk])
    with pytest.raises(errors.RaiseException, match="its items stay"):
        session.execute(opening, [run.pk])

    with on_it():
        assert len(items_of(run)) == 1


def test_another_login_is_told_that_it_may_not(database):
    with on_it("app_user"), pytest.raises(CommandError, match="The roles stay as they were"):
        call_command("apply_roles")


@pytest.mark.django_db
def test_a_dry_run_shows_the_statements_and_keeps_nothing(settings):
    settings.CRM_ROLE_PASSWORDS = {"app_user": "never shown"}
    out = StringIO()
    with connection.cursor() as cursor:
        cursor.execute("select rolname, rolconnlimit, rolpassword from pg_authid order by 1")
        before = cursor.fetchall()

        call_command("apply_roles", "--dry-run", stdout=out)

        cursor.execute("select rolname, rolconnlimit, rolpassword from pg_authid order by 1")
        assert cursor.fetchall() == before
    assert 'grant usage on schema "crm_private" to "app_user"' in out.getvalue()
    assert "never shown" not in out.getvalue()


@pytest.mark.django_db
def test_the_command_names_roles_without_a_password():
    out = StringIO()
    call_command("apply_roles", stdout=out)
    assert "ask_user has no password" in out.getvalue()
