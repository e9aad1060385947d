"""The database's roles, each logged in for real: what it may do, and what it tries in vain."""

import pytest
from psycopg import errors, sql

from crm_project.common import roles
from crm_project.common.selectors import database_objects
from crm_project.common.services.roles import asked_columns
from tests import database_template
from tests.common.roles_support import NAMES

pytestmark = pytest.mark.owner


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
WRITES = [
    "update public.customers_customer set country = 'XX'",
    "select lo_creat(-1)",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_put(1, 0, 'x')",
    "select lo_truncate(0, 1)",
    "select lo_truncate64(0, 1)",
    "select lowrite(0, 'x')",
    "select pg_logical_emit_message(false, 'to the', 'log')",
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
@pytest.mark.parametrize("statement", WRITES)
def test_a_reader_who_leaves_read_only_mode_still_writes_nothing(login, role, way, statement):
    session = login(role)
    session.execute(way)
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute(statement)


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


def test_every_view_that_may_be_asked_about_exists(db):
    assert set(asked_columns()) <= set(database_objects.contract_views())


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


# Catalogues whose objects have a schema and an owner, less extensions: those are a superuser's.
OWNED = """
    select a.attrelid::regclass::text, a.attname, o.attname
    from pg_attribute as a
    inner join pg_attribute as o on a.attrelid = o.attrelid
    inner join pg_class as c on a.attrelid = c.oid
    where
        c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r'
        and c.relname <> 'pg_extension'
        and a.attname ~ '^[a-z]+namespace$' and o.attname ~ '^[a-z]+owner$'
"""
NOT_THE_OWNERS = """
    select pg_describe_object(o.tableoid, o.oid, 0)
    from {} as o
    where
        {}::regnamespace::text = any(%s) and {} <> 'admin_user'::regrole
        and not exists (
            select from pg_depend as d
            where d.objid = o.oid and d.classid = o.tableoid and d.deptype = 'e'
        )
"""


def test_everything_in_our_schemas_belongs_to_the_owner(login):
    session = login("admin_user")
    catalogues = session.execute(OWNED).fetchall()
    assert {"pg_class", "pg_proc", "pg_type", "pg_ts_config"} < {name for name, *_ in catalogues}

    for names in catalogues:
        query = sql.SQL(NOT_THE_OWNERS).format(*map(sql.Identifier, names))
        found = session.execute(query, [list(roles.SCHEMAS)])
        assert found.fetchall() == []


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
