"""A small database of its own to back up, and what the tests do with it.

The same steps run against a folder (``test_backups.py``) and a bucket (``tests/proofs``).
"""

import secrets
from dataclasses import replace
from datetime import timedelta

from psycopg import sql

from crm_project.backup import catalogue, databases, restoring
from crm_project.backup.making import make
from crm_project.backup.manifest import Contents, Manifest, TableFacts
from crm_project.backup.packing import Keys
from crm_project.common import backup_setup
from crm_project.common.models import BackupRun
from crm_project.embedded.postgres_cluster import USER
from tests import as_role

NAME = "Ada Lovelace-Backup"
"""Stands in a row; must not be found in an encrypted file."""

CONTENTS = """
create schema contract;
create extension vector;
create table customers (
    id bigint generated always as identity primary key,
    name text not null, spent numeric(14, 2), since timestamptz default now(), taste vector(3)
);
create table gone (id int) partition by range (id);
create table gone_1 partition of gone for values from (0) to (1000);
create view contract.customers as select id, name from customers;
create materialized view contract.totals as select count(*) as n from customers;
create function double(int) returns int language sql immutable as 'select $1 * 2';
create index by_name on customers (name);
insert into customers (name, spent, taste)
    select 'Customer ' || n, n / 3.0, array[n, 0, 1]::vector from generate_series(1, 2000) as n;
insert into customers (name) values ('Ada Lovelace-Backup');
insert into gone select generate_series(0, 99);
revoke all on function pg_catalog.lo_create(oid) from public;
"""


def owners_server():
    """Return the tests' server by a login that may make databases, whoever the tests log in as.

    In production, too, the pages run as a role that owns nothing, and backups have their own login.
    """
    server = backup_setup.server()
    if not as_role.ROLE:
        return server
    return replace(server, parameters={**server.parameters, "user": USER})


class Shop:
    """A database with a bit of everything, on the tests' server; ``remove`` it afterwards."""

    def __init__(self, name="crm_shop"):
        self.name = f"{name}_{secrets.token_hex(4)}"
        self.server = owners_server().at(self.name)
        self.programs = backup_setup.programs()
        with self.server.own_database().connect(autocommit=True) as session:
            session.execute(sql.SQL("create database {}").format(sql.Identifier(self.name)))
        with self.server.connect() as session:
            session.execute(CONTENTS)

    def remove(self):
        for name in self.databases():
            databases.drop_database(self.server, name)

    def databases(self):
        """Return the names of the shop's database and of all that were made from it."""
        with self.server.own_database().connect() as session:
            query = "select datname from pg_database where starts_with(datname, %s) order by 1"
            return [name for (name,) in session.execute(query, [databases.beginning(self.name)])]

    def run(self, statement):
        with self.server.connect() as session:
            done = session.execute(statement)
            return done.fetchall() if done.description else None

    def back_up(self, target, keys=None, **options):
        return make(
            server=self.server,
            target=target,
            programs=self.programs,
            keys=keys or Keys(),
            prefix="shop",
            **{"expected_bytes": 1000, **options},
        )

    def restore(self, target, manifest, keys=None, work_folder="", told=lambda *told: None):
        """Bring a backup back into a database beside; return how it compares."""
        fetching = restoring.fetched(target, manifest, keys or Keys(), work_folder, told)
        with fetching as dump:
            return restoring.restore(
                manifest=manifest,
                dump=dump,
                server=self.server,
                programs=self.programs,
                database=databases.new_name(self.name, "drill"),
                jobs=2,
                told=told,
            )


def aged(place, name, days):
    """Let a backup that lies in a folder be of so many days ago; return its name then."""
    made = Manifest.from_bytes((place / f"{name}.json").read_bytes(), key=name)
    moment = made.created_at - timedelta(days=days)
    older = f"crm-{moment:%Y%m%dT%H%M%SZ}-{name[-8:]}"
    was = replace(made, name=older, created_at=moment, file=made.file.replace(name, older))
    (place / made.file).rename(place / was.file)
    (place / made.key).unlink()
    (place / was.key).write_bytes(was.to_bytes())
    BackupRun.objects.filter(name=name).update(name=older, taken_at=moment)
    return older


def claims_another_row(manifest):
    """Return the manifest of a database that had one customer more."""
    table = manifest.contents.tables["public.customers"]
    more = TableFacts(table.rows + 1, table.checksum)
    tables = {**manifest.contents.tables, "public.customers": more}
    found = Contents(tables, manifest.contents.sequences, manifest.contents.objects)
    return replace(manifest, contents=found)


def names(target):
    return [entry.name for entry in catalogue.entries(target)]
