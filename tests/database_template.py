"""The tests' database is copied from one that was migrated before with the same migrations.

Migrating takes many times as long as copying. A template's name is a digest of all that decides
what migrations make, so a changed file gets a new one. After copying, Django migrates as usual:
what a template should lack all the same is added then.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "template_crm_"
LOCK = 7_350_021
IMPORT = re.compile(
    rb"^from ((?:crm_project|customers|orders|analytics|recommendations)[\w.]*) import", re.M
)


def ready() -> str:
    """Return the name of a migrated database; make it, and remove older ones, if it is missing."""
    name = PREFIX + _digest()
    with _server() as server:
        # One process at a time; given back with the connection.
        server.execute("select pg_advisory_lock(%s)", [LOCK])
        if name not in (found := _templates(server)):
            for old in found:
                _drop(server, old)
            _make(server, name)
    return name


@contextmanager
def on_database(name: str) -> Iterator[None]:
    """Let Django use another database of the same server for a while."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


def _digest() -> str:
    """Digest migrations, what they import and run, and what they read from outside."""
    migrations = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("crm_project/*/migrations/*.py")]
    texts = {file: file.read_bytes() for file in migrations}
    imported = {
        ROOT / f"{module.decode().replace('.', '/')}.py"
        for text in texts.values()
        for module in IMPORT.findall(text)
    }
    others = [
        *filter(Path.exists, imported),
        *ROOT.glob("*/sql/**/*.sql"),
        *ROOT.glob("crm_project/*/sql/**/*.sql"),
        ROOT / "crm_project/settings.py",
        ROOT / "requirements/base.txt",
    ]
    texts |= {file: file.read_bytes() for file in others}
    # The month, because migrations make the partitions of the months that follow.
    outside = (settings.TIME_ZONE, settings.CRM_CURRENCY, f"{timezone.now():%Y-%m}")
    digest = hashlib.sha256(repr(outside).encode())
    for file in sorted(texts):
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + texts[file])
    return digest.hexdigest()[:16]


def _make(server: psycopg.Connection, name: str) -> None:
    """Migrate a database under another name first: what has the name is whole."""
    half = f"{PREFIX}new"
    _drop(server, half)
    server.execute(sql.SQL("create database {}").format(sql.Identifier(half)))
    with on_database(half):
        call_command("migrate", verbosity=0, run_syncdb=True)
    rename = sql.SQL("alter database {} rename to {}")
    server.execute(rename.format(sql.Identifier(half), sql.Identifier(name)))


def _templates(server: psycopg.Connection) -> list[str]:
    found = server.execute("select datname from pg_database where datname like %s", [f"{PREFIX}%"])
    return [name for (name,) in found]


def _drop(server: psycopg.Connection, name: str) -> None:
    statement = sql.SQL("drop database if exists {} with (force)")
    server.execute(statement.format(sql.Identifier(name)))


def _server() -> psycopg.Connection:
    config = connection.settings_dict
    return psycopg.connect(
        host=config["HOST"],
        port=config["PORT"],
        user=config["USER"],
        password=config["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    )
