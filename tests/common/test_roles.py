"""The database's roles, each logged in for real: what it may do, and what it tries in vain."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import errors, sql

from crm_project.common import roles
from crm_project.common.selectors import database_objects
from crm_project.common.services.roles import apply_roles, asked_columns
from tests import database_template
from tests.factories import CustomerFactory, OrderFactory

pytestmark = pytest.mark.owner

NAME = "roles_in_test"
NAMES = [role.name for role in roles.ROLES]
PASSWORDS = {name: f"a password of {name}'s \\ %s" for name in NAMES}
# What names a person, or may hold anything: no column of these is for ask_user.
PERSONAL = {
    "crm.client_master_profile": set(),
    "crm.contact_event": {"external_id"},
    "crm.customer": {"email"},
    "crm.customers": {"name", "email", "phone"},
    "crm.embeddings": {"content", "embedding"},
    "crm.events": {"properties"},
    "crm.signals": {"signal_data", "customer_key", "message_id"},
    "crm.signal_scores": {"customer_key"},
    "crm.signal_summary": {"customer_key"},
    "crm.users": {"telegram_id", "first_name", "last_name", "username", "profile_data"},
    "crm.audit_item": {"details"},
    "crm.reco_exclusion": {"details"},
    "crm.reco_item": {"reasons_json"},
    "crm.reco_run": {"counts", "gate", "result_hash"},
}


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker):
    """A database of its own on which the roles were applied; both are gone afterwards."""
    with django_db_blocker.unblock(), database_template._server() as server:
        template = sql.Identifier(database_template.ready())
        name = sql.Identifier(NAME)
        server.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        server.execute(sql.SQL("create database {} template {}").format(name, template))
        try:
            with database_template.on_database(NAME):
                CustomerFactory(code="C1", email="ada@example.com")
                OrderFactory()
                apply_roles(passwords=PASSWORDS)
            yield NAME
        finally:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            for role in NAMES:
                server.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


@pytest.fixture
def login(database):
    """Log in as a role: ``login("app_user")`` returns a connection."""
    opened = []

    def log_in(role):
        given = connection.settings_dict
        opened.append(
            psycopg.connect(
                host=given["HOST"],
                port=given["PORT"],
                user=role,
                password=PASSWORDS[role],
                dbname=NAME,
                autocommit=True,
            )
        )
        return opened[-1]

    yield log_in
    for one in opened:
        one.close()


REFUSED_TO_READERS = [
    "update public.customers_customer set name = 'x'",
    "select * from public.customers_customer",
    "select * from crm_private.business",
    "select crm_private.rfm_drop(1)",
    "select * from crm.pg_stat_statements",
    "select * from pg_authid",
    "create table crm.mine (id int)",
    "create table public.mine (id int)",
    "create temporary table mine (id int)",
    "set role app_user",
    "copy (select 1) to program 'true'",
    "select pg_read_file('/etc/passwd')",
    "create role another",
]
REFUSED = {
    "app_user": [
        "create table public.mine (id int)",
        "create schema mine",
        "create extension btree_gist",
        "select pg_stat_statements_reset()",
        "drop table public.customers_customer",
        "alter table public.customers_customer disable trigger all",
        "alter table public.customers_customer add column mine int",
        "truncate public.customers_customer",
        "create index on public.customers_customer (code)",
        "delete from public.django_migrations",
        "insert into public.django_migrations (app, name, applied) values ('a', 'b', now())",
        "update public.customers_customerevent set pgh_label = 'x'",
        "delete from public.orders_orderevent",
        "delete from public.analytics_rawevent",
        "select * from crm_private.business",
        "refresh materialized view public.analytics_rfmgrid_of_nobody",
        "set role admin_user",
        "alter role app_user superuser",
        "select * from pg_authid",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
    ],
    "ml_user": REFUSED_TO_READERS,
    "ask_user": [
        *REFUSED_TO_READERS,
        "select * from crm.customers",
        "select email from crm.customers",
        "select c from crm.customers as c",
        "select row_to_json(u) from crm.users as u",
        "select signal_data from crm.signals",
    ],
    "admin_user": [
        "alter role admin_user superuser",
        "copy (select 1) to program 'true'",
        "select * from pg_authid",
    ],
}
REFUSALS = (
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
    errors.UndefinedTable,
)


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role in REFUSED for each in REFUSED[role]]
)
def test_a_role_may_not(login, role, statement):
    with pytest.raises(REFUSALS):
        login(role).execute(statement)


@pytest.mark.parametrize("role", ["ml_user", "ask_user"])
@pytest.mark.parametrize("way", ["begin read write", "set default_transaction_read_only = off"])
def test_a_reader_who_leaves_read_only_mode_still_writes_nothing(login, role, way):
    session = login(role)
    session.execute(way)
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute("update public.customers_customer set country = 'XX'")


def test_the_application_reads_writes_and_calls(login):
    session = login("app_user")

    session.execute("update customers_customer set name = 'Ada'")
    session.execute("create temporary table mine (id int)")
    session.execute("select crm_private.ensure_signal_partitions('analytics_signal', array[now()])")
    session.execute("analyze customers_customer")

    assert session.execute("select count(*) from crm.pg_stat_statements").fetchone()[0] >= 1


def test_the_learner_reads_every_view_of_the_contract(login, database):
    session = login("ml_user")
    views = session.execute("select viewname from pg_views where schemaname = 'crm'").fetchall()

    for (view,) in views:
        if f"crm.{view}" not in roles.NOT_FOR_READERS:
            session.execute(sql.SQL("select * from {} limit 1").format(sql.Identifier(view)))
    found = session.execute("select email from customers where code = 'C1'").fetchone()
    assert found == ("ada@example.com",)
    assert len(views) > 20


def test_the_asking_role_reads_exactly_the_columns_that_name_nobody(login):
    session = login("ask_user")
    every = session.execute(
        "select table_schema || '.' || table_name, column_name, has_column_privilege("
        "    to_regclass(table_schema || '.' || table_name), column_name, 'select')"
        " from information_schema.columns where table_schema = 'crm'"
    ).fetchall()
    owners = (
        login("admin_user")
        .execute(
            "select n.nspname || '.' || c.relname, a.attname from pg_attribute as a"
            " join pg_class as c on a.attrelid = c.oid"
            " join pg_namespace as n on c.relnamespace = n.oid"
            " where n.nspname = 'crm' and c.relkind = 'v' and a.attnum > 0"
        )
        .fetchall()
    )

    may = {(view, column) for view, column, allowed in every if allowed}
    hidden = {}
    for view, column in set(owners) - may:
        hidden.setdefault(view, set()).add(column)
    assert hidden.pop("crm.pg_stat_statements")
    assert hidden == {view: columns for view, columns in PERSONAL.items() if columns}
    for view, columns in asked_columns().items():
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        session.execute(sql.SQL("select {} from {}").format(listed, database_objects.name_of(view)))


def test_no_function_that_has_its_owners_rights_is_open_to_readers(login):
    for role in ("ml_user", "ask_user"):
        found = login(role).execute(
            "select oid::regprocedure::text from pg_proc where prosecdef"
            " and has_function_privilege(oid, 'execute')"
            " and pronamespace::regnamespace::text = any(%s)",
            [list(roles.SCHEMAS)],
        )
        # It returns a moment, and is what the views of days need.
        assert found.fetchall() == [("day_start(date)",)]


def test_functions_run_with_the_rights_of_an_owner_who_is_no_superuser(login):
    session = login("app_user")

    assert session.execute(
        "select distinct proowner::regrole::text, rolsuper from pg_proc"
        " join pg_roles on pg_roles.oid = proowner where pronamespace = 'crm_private'::regnamespace"
    ).fetchall() == [("admin_user", False)]
    assert session.execute(
        "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind in ('r', 'p') and relowner <> 'admin_user'::regrole"
    ).fetchone() == (0,)


@pytest.mark.parametrize("role", roles.ROLES, ids=lambda role: role.name)
def test_a_role_has_its_limits(login, role):
    session = login(role.name)

    for name, value in role.settings.items():
        shown = session.execute("select current_setting(%s)", [name]).fetchone()[0]
        assert shown == value, name
    [(limit, *powers)] = session.execute(
        "select rolconnlimit, rolsuper, rolcreatedb, rolreplication, rolbypassrls"
        " from pg_roles where rolname = current_user"
    ).fetchall()
    assert limit == role.connections or role.connections < 0 < limit
    assert powers == [False] * 4


def test_a_statement_of_the_asking_role_ends_by_itself(login):
    session = login("ask_user")
    session.execute("set statement_timeout = '50ms'")
    with pytest.raises(errors.QueryCanceled):
        session.execute("select pg_sleep(60)")


def test_only_verifiers_of_passwords_reach_the_server(database):
    with database_template._server() as server:
        found = server.execute(
            "select rolpassword from pg_authid where rolname = any(%s)", [NAMES]
        ).fetchall()
    assert [text.startswith("SCRAM-SHA-256$4096:") for (text,) in found] == [True] * 4


def test_applying_again_changes_nothing_and_takes_back_what_was_given_by_hand(login, database):
    def rights():
        with database_template.on_database(NAME), connection.cursor() as cursor:
            cursor.execute(
                "select oid::regclass::text, relowner, (select array_agg(one order by one::text)"
                " from unnest(relacl) as one)::text from pg_class"
                " where relnamespace::regnamespace::text = any(%s) order by 1",
                [list(roles.SCHEMAS)],
            )
            return cursor.fetchall()

    before = rights()
    with database_template.on_database(NAME):
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
    with database_template.on_database(NAME):
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

    with database_template.on_database(NAME), ThreadPoolExecutor(3) as at_once:
        done = [at_once.submit(apply) for _ in range(3)]
        counted = {one.result(timeout=120) for one in done}
    assert len(counted) == 1
    assert login("app_user").execute("select 1").fetchone() == (1,)


def test_the_owner_can_apply_them_and_migrate(database, login):
    usual = connection.settings_dict["USER"]
    with database_template.on_database(NAME):
        connection.settings_dict["USER"] = "admin_user"
        try:
            applied = apply_roles(passwords={"app_user": PASSWORDS["app_user"]})
            call_command("migrate", "recommendations", "0014", verbosity=0)
            call_command("migrate", verbosity=0)
        finally:
            connection.close()
            connection.settings_dict["USER"] = usual

    assert applied.kept
    assert login("app_user").execute("select count(*) from customers_customer").fetchone() == (2,)


def test_a_run_in_progress_keeps_its_tables(database, login):
    session = login("app_user")
    session.execute("select crm_private.reco_open(4711)")
    with database_template.on_database(NAME):
        apply_roles(passwords={})

    session.execute("select * from recommendations_recoitem_4711")
    session.execute("select crm_private.reco_drop(4711)")


def test_another_login_is_told_that_it_may_not(database):
    usual = connection.settings_dict["USER"]
    with database_template.on_database(NAME):
        connection.settings_dict["USER"] = "app_user"
        try:
            with pytest.raises(CommandError, match="The roles stay as they were"):
                call_command("apply_roles")
        finally:
            connection.close()
            connection.settings_dict["USER"] = usual


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


def test_every_view_that_may_be_asked_about_exists(db):
    assert set(asked_columns()) <= set(database_objects.contract_views())
