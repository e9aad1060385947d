"""The CRM on servers that speak TLS only, everything that talks to them, and load on all of it."""

import http.client
import json
import subprocess
import sys
import threading
import uuid

import psycopg
import redis

from crm_project.embedded.layout import PROJECT_ROOT
from tests.proofs.certificates import Authority, Trusted
from tests.proofs.crm import Crm, request
from tests.proofs.programs import Program
from tests.proofs.tls import APPLICATIONS, SUPERUSERS, TlsPostgres, TlsValkey, kill
from tests.waiting import wait_until

CELERY = (sys.executable, "-m", "celery", "--app", "crm_project")
OTHERS = "select count(*) from pg_stat_activity a join pg_stat_ssl s using (pid) where "


class Secured:
    """Both servers with certificates of one authority, and the CRM that trusts it."""

    def __init__(self, folder, copy_to):
        self.folder = folder
        self.worker = None
        self.authority = Authority("first")
        self.trusted = Trusted(folder / "trusted.pem", self.authority)
        for name in ("aof", "home"):
            (folder / name).mkdir()
        self.postgres = TlsPostgres(folder / "postgres", folder / "data", self.authority.issue())
        copy_to(folder / "data")
        self.valkey = TlsValkey(
            folder / "valkey", folder / "aof", self.authority.issue(), self.trusted
        )
        self.crm = Crm(folder / "home", self.postgres, self.valkey, **self.variables)

    @property
    def variables(self):
        """What the pods are given, as far as TLS goes."""
        trusted = str(self.trusted.file)
        return {
            "PGSSLMODE": "verify-full", "PGSSLROOTCERT": trusted, "REDIS_SSLROOTCERT": trusted,
        }  # fmt: skip

    def start(self):
        self.postgres.start()
        self.valkey.start()
        self.postgres.ask(f"alter role crm password '{SUPERUSERS}'")
        owner = (
            f"postgres://crm:{SUPERUSERS}@localhost:{self.postgres.port}/{self.postgres.database}"
        )
        self.run("manage.py", "apply_roles", DATABASE_URL=owner, CRM_APP_PASSWORD=APPLICATIONS)
        return self

    def start_worker(self):
        # It is made with the first sign of life to the broker.
        alive = self.folder / "alive"
        self.worker = Program(
            [*CELERY, "worker", "--concurrency", "1", "--loglevel", "INFO"],
            log=self.folder / "worker.log",
            environment={**self.crm.environment, "CRM_ALIVE_FILE": str(alive)},
        )
        self.worker.wait_for(alive.exists, seconds=120)
        return self.worker

    def destroy(self):
        if self.worker is not None:
            self.worker.kill()
        self.crm.destroy()
        kill(self.postgres, self.valkey)

    def run(self, *arguments, fails=False, **environment):
        """Run a Python program with the pods' environment; return what it said."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT_ROOT,
            env={**self.crm.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def plain_sessions(self):
        """How many sessions came over the network without TLS 1.3."""
        where = "a.client_addr is not null and s.version is distinct from 'TLSv1.3'"
        # One that has just come in has not said yet what it wants.
        where += " and a.state is distinct from 'starting'"
        return int(self.postgres.ask(OTHERS + where))

    def sessions_of_web(self, moment):
        """How many sessions the web server has begun since."""
        where = f"a.application_name like 'crm web%' and a.backend_start > '{moment}'"
        return int(self.postgres.ask(OTHERS + where))


class Load:
    """Callers of the API that write, and clients that connect anew each time; all errors kept."""

    def __init__(self, secured, token):
        self.secured, self.token = secured, token
        self.counts = {"customers": 0, "signals": 0, "sessions": 0, "pings": 0}
        self.errors = []
        self._stop = threading.Event()
        works = (self._customer, self._signal, self._session, self._ping)
        self._threads = [threading.Thread(target=self._repeat, args=(work,)) for work in works]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def go_on(self):
        """Wait until each of them has done some more."""
        wanted = {name: count + 10 for name, count in self.counts.items()}
        wait_until(lambda: all(self.counts[name] >= wanted[name] for name in wanted), seconds=180)

    def _repeat(self, work):
        while not self._stop.is_set():
            try:
                name, error = work()
            except (OSError, http.client.HTTPException, psycopg.Error, redis.RedisError) as problem:
                name, error = "", repr(problem)
            if error:
                self.errors.append(error)
                self._stop.wait(0.1)
            else:
                self.counts[name] += 1

    def _post(self, path, body, expected):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        status, said = request(
            self.secured.crm.port, "POST", path, body=json.dumps(body), headers=headers
        )
        return "" if status == expected else f"{path}: {status} {said[:200]!r}"

    def _customer(self):
        body = {"code": f"T{self.counts['customers']}", "name": "Proof"}
        return "customers", self._post("/api/v1/customers", body, 201)

    def _signal(self):
        body = {"message_id": uuid.uuid4().hex, "customer_id": "T0", "event_type": "view"}
        return "signals", self._post("/api/v1/signals", body, 202)

    def _session(self):
        with self.secured.postgres.log_in(self.secured.trusted) as session:
            insert = "insert into django_session values (%s, '', now())"
            session.execute(insert, [uuid.uuid4().hex])
        return "sessions", ""

    def _ping(self):
        with self.secured.valkey.connect() as client:
            client.ping()
        return "pings", ""


# All that speaks to Valkey: cache, broker, health, rates, the queue with and without asyncio.
QUEUES = """
import asyncio, os, django
from django.conf import settings
django.setup()
import redis
from django.core.cache import cache
from analytics import signal_stream
from analytics.api.receiving import flusher
from crm_project import health
from crm_project.celery import app
from crm_project.common.api import throttling

def broker():
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
        connection.default_channel.client.ping()

async def ping():
    client = flusher._client()
    try:
        await client.ping()
    finally:
        await client.aclose()

def look():
    if said := health._queue():
        raise ConnectionError(said)

ways = (
    lambda: cache.set("proof", 1), broker, look, lambda: throttling.take("proof", "5/s"),
    lambda: signal_stream.client().ping(), lambda: asyncio.run(ping()),
)
wanted = bool(os.environ.get("EXPECT_FAILURE"))
for number, way in enumerate(ways):
    try:
        way()
        failed = False
    except Exception as error:
        # Whatever it is: each library has its own word for a certificate that it refuses.
        failed = error
    assert bool(failed) is wanted, (number, failed)
"""
