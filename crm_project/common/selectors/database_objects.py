"""What the database holds: who owns it and what kind it is, read from PostgreSQL's catalogue."""

from dataclasses import dataclass

from django.db import connection
from psycopg import sql

from crm_project.common import roles

_STATISTICS = "crm.statement_statistics("
# Relations, functions and types of extensions belong to whoever installed these.
_NOT_OF_EXTENSIONS = """
    not exists (
        select from pg_depend as d
        where d.objid = {alias}.oid and d.classid = '{catalogue}'::regclass and d.deptype = 'e'
    )
"""
# Of each of our objects besides: the words of ALTER, its catalogue, how columns of that begin.
_ALONE = (
    ("text search configuration", "pg_ts_config", "cfg"),
    ("statistics", "pg_statistic_ext", "stx"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """Who is logged in where, and which roles there are.

    ``logins``: which of the two that take turns there are, open or not.
    ``memberships``: who is a member of what, and who made them so.
    """

    user: str
    database: str
    superuser: bool
    may_create_roles: bool
    connections: int
    roles: frozenset[str]
    logins: tuple[str, ...]
    schemas: tuple[str, ...]
    memberships: tuple[tuple[str, str, str], ...]
    passwords: dict[str, bool] | None

    def has_password(self, role: str) -> bool | None:
        """Return whether a role can log in by password; None where only superusers may know."""
        return None if self.passwords is None else self.passwords.get(role, False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or materialized view. ``of_a_run``: made by the pipeline, named by a number."""

    name: str
    kind: str
    of_a_run: bool
    append_only: bool


def name_of(qualified: str) -> sql.Identifier:
    """Return ``schema.table`` as SQL."""
    return sql.Identifier(*qualified.split(".", 1))


def _rows(statement: str, **params: str | list[str]) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def _texts(statement: str, **params: str | list[str]) -> list[str]:
    return [str(row[0]) for row in _rows(statement, **params)]


def server() -> Server:
    """Return what this connection may do and finds."""
    [(user, database, superuser, creates, connections)] = _rows(
        "select current_user, current_database(), rolsuper, rolsuper or rolcreaterole,"
        " current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int"
        " from pg_roles where rolname = current_user"
    )
    names = [role.name for role in roles.ROLES]
    logins = list(roles.LOGINS)
    there = "select rolname from pg_roles where rolname = any(%(names)s) order by 1"
    passwords = None
    if superuser:
        found = _rows(
            "select rolname, rolpassword is not null from pg_authid where rolname = any(%(names)s)",
            names=names,
        )
        passwords = {str(name): bool(has) for name, has in found}
    return Server(
        user=str(user),
        database=str(database),
        superuser=bool(superuser),
        may_create_roles=bool(creates),
        connections=int(str(connections)),
        roles=frozenset(_texts(there, names=names)),
        logins=tuple(_texts(there, names=logins)),
        schemas=tuple(
            _texts(
                "select nspname from pg_namespace where nspname = any(%(schemas)s) order by 1",
                schemas=list(roles.SCHEMAS),
            )
        ),
        memberships=tuple(
            (str(member), str(of), str(grantor))
            for member, of, grantor in _rows(
                "select pg_get_userbyid(m.member), pg_get_userbyid(m.roleid),"
                " pg_get_userbyid(m.grantor) from pg_auth_members as m"
                " where pg_get_userbyid(m.member) = any(%(names)s)",
                names=names + logins,
            )
        ),
        passwords=passwords,
    )


def tables() -> list[Table]:
    """Return every table and view of our schemas that no extension brought."""
    found = _rows(
        f"""
        select
            n.nspname || '.' || c.relname, c.relkind,
            c.relispartition or c.relname ~ %(made_by_runs)s,
            exists (
                select from pg_trigger as t
                where t.tgrelid = c.oid and t.tgname like any(%(append_only)s)
            )
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where
            n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm')
            and {_NOT_OF_EXTENSIONS.format(alias="c", catalogue="pg_class")}
        order by 1
        """,  # noqa: S608 - fixed text
        made_by_runs=roles.MADE_BY_RUNS,
        append_only=list(roles.APPEND_ONLY_TRIGGERS),
        schemas=list(roles.SCHEMAS),
    )
    return [Table(str(a), str(b), bool(c), bool(d)) for a, b, c, d in found]


def contract_views() -> list[str]:
    """Return the views of schema crm that are about the shop."""
    return [
        table.name
        for table in tables()
        if table.name.startswith("crm.") and table.name not in roles.NOT_FOR_READERS
    ]


def rights_of_application() -> list[tuple[str, list[str]]]:
    """Return what the application may do with which tables."""
    found: dict[str, list[str]] = {}
    for table in tables():
        if table.of_a_run or table.name.startswith("crm_private."):
            continue
        found.setdefault(_right(table), []).append(table.name)
    return list(found.items())


def _right(table: Table) -> str:
    if table.kind in "vm" or table.name == "public.django_migrations":
        return "select"
    if table.append_only:
        return "select, insert, maintain"
    # maintain: to tell the planner about a table after an import.
    return "select, insert, update, delete, maintain"


def functions(schema: str) -> list[str]:
    """Return the functions of a schema, with the types of their arguments, less extensions'."""
    return _texts(
        f"""
        select format('%%I.%%I(%%s)', p.pronamespace::regnamespace, p.proname,
            pg_get_function_identity_arguments(p.oid))
        from pg_proc as p
        where
            p.pronamespace = %(schema)s::regnamespace
            and {_NOT_OF_EXTENSIONS.format(alias="p", catalogue="pg_proc")}
        order by 1
        """,  # noqa: S608 - fixed text
        schema=schema,
    )


def functions_that_write() -> list[str]:
    """Return the functions of PostgreSQL itself with which anybody could write something."""
    return _texts(
        "select format('pg_catalog.%%s', oid::regprocedure) from pg_proc"
        " where pronamespace = 'pg_catalog'::regnamespace and proname = any(%(names)s) order by 1",
        names=list(roles.WRITES_FOR_ALL),
    )


def reader_functions() -> list[str]:
    """Return the functions of schema crm that its views call: they run as whoever reads."""
    return [name for name in functions("crm") if not name.startswith(_STATISTICS)]


def owned_by_others(owner: str) -> list[str]:
    """Return the statements that give ``owner`` the database, our schemas and all that is in them.

    Nothing of extensions: their objects belong to whoever installed them. Sequences follow the
    tables whose columns they count, the types of rows and of lists what they are made of.
    """
    return _texts(
        f"""
        with ours as (
            select oid, nspname, nspowner from pg_namespace where nspname = any(%(schemas)s)
        ), found (place, statement) as (
            select 1, format('alter database %%I owner to', datname) from pg_database
            where datname = current_database() and datdba <> %(owner)s::regrole
            union all
            select 2, format('alter schema %%I owner to', nspname) from ours
            where nspname <> 'public' and nspowner <> %(owner)s::regrole
            union all
            select 3, format('alter %%s %%I.%%I owner to',
                case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
                    when 'S' then 'sequence' else 'table' end, o.nspname, c.relname)
            from pg_class as c inner join ours as o on c.relnamespace = o.oid
            where c.relkind in ('r', 'p', 'v', 'm', 'S') and c.relowner <> %(owner)s::regrole
                and {_NOT_OF_EXTENSIONS.format(alias="c", catalogue="pg_class")}
                and not exists (
                    select from pg_depend as s where s.objid = c.oid and c.relkind = 'S'
                        and s.classid = 'pg_class'::regclass and s.deptype in ('a', 'i')
                )
            union all
            select 4, format('alter routine %%s owner to', p.oid::regprocedure)
            from pg_proc as p inner join ours as o on p.pronamespace = o.oid
            where p.proowner <> %(owner)s::regrole
                and {_NOT_OF_EXTENSIONS.format(alias="p", catalogue="pg_proc")}
            union all
            select 5, format('alter type %%I.%%I owner to', o.nspname, t.typname)
            from pg_type as t inner join ours as o on t.typnamespace = o.oid
            left join pg_class as c on t.typrelid = c.oid
            where t.typowner <> %(owner)s::regrole
                and (t.typtype in ('d', 'e', 'r') or c.relkind = 'c')
                and {_NOT_OF_EXTENSIONS.format(alias="t", catalogue="pg_type")}
            {_others_of_one_catalogue()}
        )

        select statement || ' ' || quote_ident(%(owner)s) from found order by place, statement
        """,  # noqa: S608 - fixed text
        schemas=list(roles.SCHEMAS),
        owner=owner,
    )


def _others_of_one_catalogue() -> str:
    return "\n".join(
        f"""
            union all
            select 6, format('alter {kind} %%I.%%I owner to', o.nspname, x.{prefix}name)
            from {catalogue} as x inner join ours as o on x.{prefix}namespace = o.oid
            where x.{prefix}owner <> %(owner)s::regrole
                and {_NOT_OF_EXTENSIONS.format(alias="x", catalogue=catalogue)}
        """  # noqa: S608 - fixed text
        for kind, catalogue, prefix in _ALONE
    )
