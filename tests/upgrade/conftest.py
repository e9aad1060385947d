"""A database of an earlier release, brought up to date."""

import lzma
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from crm_project.embedded.account import server_account
from crm_project.embedded.binaries import postgres_programs
from tests import database_template
from tests.upgrade import watch

DUMP = Path(__file__).with_name("before_signals.sql.xz")


@dataclass
class Upgrade:
    """What was applied, what was held meanwhile, and digests of all rows before and after."""

    name: str
    applied: list[str]
    holds: list[watch.Hold]
    before: dict[str, tuple[int, str]]
    after: dict[str, tuple[int, str]]


def tool(name, *arguments, text=None):
    """Run a program of PostgreSQL against the tests' server; return what it printed."""
    config = connection.settings_dict
    reach = [f"--host={config['HOST']}", f"--port={config['PORT']}", f"--username={config['USER']}"]
    done = subprocess.run(
        [postgres_programs(server_account()) / name, *reach, *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def digests(columns):
    """Return for each table the number of rows and a digest of these columns of all of them."""
    found = {}
    for table, names in columns.items():
        rows = f"select md5(row({', '.join(names)})::text) as row from {table}"  # noqa: S608 - names of our own tables
        [found[table]] = watch.ask(
            f"select count(*), md5(string_agg(row, '' order by row)) from ({rows}) rows"  # noqa: S608 - names of our own tables
        )
    return found


def columns():
    query = """
        select c.oid::regclass::text, array_agg(quote_ident(a.attname) order by a.attnum)
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
            and a.attnum > 0 and not a.attisdropped
        group by c.oid
    """
    return dict(watch.ask(query))


@pytest.fixture(scope="module")
def upgrade(django_db_setup, django_db_blocker):
    name = f"{connection.settings_dict['NAME']}_upgrade"
    with django_db_blocker.unblock(), database_template._server() as server:
        identifier = sql.Identifier(name)
        server.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
        server.execute(sql.SQL("create database {} template template0").format(identifier))
        try:
            text = lzma.decompress(DUMP.read_bytes()).decode()
            tool("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={name}", text=text)
            with database_template.on_database(name):
                known = columns()
                before = digests(known)
                applied, holds = watch.migrate()
                call_command("migrate", verbosity=0)
                yield Upgrade(name, applied, holds, before, digests(known))
        finally:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
