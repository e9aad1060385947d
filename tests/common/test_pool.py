"""A web process with a pool (``DATABASE_POOL_SIZE``): few connections, many threads, a failover.

It runs apart: the pool of a process lasts as long as the process.
"""

import json
import os
import subprocess
import sys

import environ
import psycopg
import pytest
from django.db import connection

from crm_project.databases import databases
from crm_project.embedded.layout import PROJECT_ROOT as ROOT

POOL, THREADS, REQUESTS = 3, 13, 120

PROCESS = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

os.environ["DJANGO_SETTINGS_MODULE"] = "crm_project.settings"
from django.core.wsgi import get_wsgi_application
site = get_wsgi_application()
from django.db import connection
from django.test import RequestFactory

def ask(number):
    environ = RequestFactory().get("/readyz").environ
    said = []
    answer = site(environ, lambda status, headers, exc_info=None: said.append(status))
    text = b"".join(answer).decode()
    answer.close()
    return "" if '"database": "ok"' in text else text

def many():
    with ThreadPoolExecutor(THREADS) as at_once:
        return [words for words in at_once.map(ask, range(REQUESTS)) if words]

first = many()
size = connection.pool.get_stats()["pool_size"]
print(json.dumps([first, size]), flush=True)
sys.stdin.readline()
print(json.dumps([many(), connection.pool.get_stats()["pool_size"]]), flush=True)
connection.close_pool()
"""


@pytest.mark.django_db(transaction=True)
def test_thirteen_threads_share_three_connections_and_outlive_their_loss():
    given = connection.settings_dict
    script = PROCESS.replace("THREADS", str(THREADS)).replace("REQUESTS", str(REQUESTS))
    environment = {
        **os.environ,
        "DATABASE_POOL_SIZE": str(POOL),
        "POSTGRES_HOST": given["HOST"],
        "POSTGRES_PORT": str(given["PORT"]),
        "POSTGRES_DB": given["NAME"],
        "POSTGRES_USER": given["USER"],
    }
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        troubles, size = json.loads(process.stdout.readline())
        assert troubles == []
        assert 1 <= size <= POOL
        lose_all_but_this()
        process.stdin.write("on\n")
        process.stdin.flush()
        troubles, size = json.loads(process.stdout.readline())
    assert troubles == [], "a request met a connection that was gone"
    assert size <= POOL
    assert process.returncode == 0


def lose_all_but_this():
    """End the sessions of the other process, as a failover does."""
    given = connection.settings_dict
    with psycopg.connect(
        host=given["HOST"], port=given["PORT"], user=given["USER"], dbname=given["NAME"]
    ) as session:
        session.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and usename = current_user"
            " and pid <> all (array[pg_backend_pid(), %s])",
            [connection.connection.info.backend_pid if connection.connection else 0],
        )


def test_a_pooled_connection_is_looked_at_before_it_is_used(monkeypatch):
    env = environ.Env()
    monkeypatch.setenv("DATABASE_POOL_SIZE", "4")
    monkeypatch.setenv("DATABASE_URL", "postgres://a:b@h/c")
    config = databases(env)["default"]
    assert config["OPTIONS"]["pool"]["max_size"] == 4
    assert config["CONN_HEALTH_CHECKS"]
    assert "CONN_MAX_AGE" not in config
