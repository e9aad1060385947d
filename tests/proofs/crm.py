"""The CRM as it runs in production: web server, consumers, Valkey, PostgreSQL, all of our own.

Every part can be killed and started again while the others go on.
"""

import contextlib
import http.client
import os
import signal
from pathlib import Path

from crm_project.common.supervisor import server_commands
from tests.embedded.support import clean_environment
from tests.proofs.programs import Program, accepts, free_port
from tests.proofs.servers import Postgres, Valkey
from tests.waiting import wait_until


class Crm:
    """Four kinds of programs in ``folder``; the servers' data where ``postgres``/``valkey`` say.

    Args:
        token: an API token that the copied database knows.
        consumers: how many processes write to PostgreSQL.
        environment: more settings, like ``CRM_QUEUE_MAX_EVENTS``.
    """

    def __init__(self, folder, postgres: Postgres, valkey: Valkey, *, consumers=1, **environment):
        self.folder = Path(folder)
        self.postgres = postgres
        self.valkey = valkey
        self.port = free_port()
        self.environment = clean_environment(
            DJANGO_SETTINGS_MODULE="crm_project.settings",
            CRM_ENV="production",
            CRM_HOME=str(self.folder / "home"),
            DJANGO_SECRET_KEY="proof-" * 12,
            DJANGO_ALLOWED_HOSTS="127.0.0.1",
            DJANGO_SECURE_SSL_REDIRECT="false",
            DATABASE_URL=postgres.url,
            REDIS_URL=valkey.url,
            CRM_METRICS_TOKEN="proof",
            CRM_SIGNAL_RATE="9000000/s",
            CRM_API_RATE="9000000/s",
            CRM_API_ANONYMOUS_RATE="9000000/s",
            PYTHONUNBUFFERED="1",
            **environment,
        )
        self.web = None
        self.consumers = [None] * consumers

    def start(self):
        self.postgres.start()
        self.valkey.start()
        self.start_programs()
        return self

    def start_programs(self):
        """Start web server and consumers; the servers run."""
        self.start_web(wait=False)
        for number in range(len(self.consumers)):
            self.start_consumer(number)
        self.wait_for_web()

    def start_web(self, *, wait=True):
        command = server_commands(host="127.0.0.1", port=self.port)["web"]
        self.web = self._program(command, "web")
        if wait:
            self.wait_for_web()

    def wait_for_web(self):
        self.web.wait_for(self.web_answers)

    def web_answers(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return accepts(self.port) and self.get("/livez")[0] == 200
        return False

    def start_consumer(self, number=0):
        command = server_commands(host="127.0.0.1", port=self.port)["consumer"]
        self.consumers[number] = self._program(command, f"consumer{number}")

    def _program(self, command, name):
        log = self.folder / f"{name}.log"
        # Asked, not killed: a web server that was killed leaves its worker behind.
        return Program(command, log=log, environment=self.environment, dying=signal.SIGTERM)

    # --- Blows ----------------------------------------------------------------------------

    def kill_web(self):
        self.web.kill()
        self.start_web()

    def kill_consumer(self, number=0):
        self.consumers[number].kill()
        self.start_consumer(number)

    def kill_valkey(self):
        self.valkey.program.kill()
        self.valkey.start()

    def kill_postgres(self):
        self.postgres.kill_master()
        self.postgres.start()

    def programs(self):
        found = [self.web, *self.consumers, self.valkey.program, self.postgres.program]
        return [program for program in found if program is not None]

    def kill_everything(self):
        """One moment takes all: nobody acts on the death of another."""
        for program in self.programs():
            program.pause()
        for program in self.programs():
            program.kill()

    # --- Looks ----------------------------------------------------------------------------

    def get(self, path, token=""):
        """Return (status, body)."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return request(self.port, "GET", path, headers=headers)

    def wait_until_drained(self, *, seconds=120):
        """Wait until nothing waits in the queue; fail when a consumer has given up."""
        with self.valkey.connect() as client:

            def drained():
                for consumer in self.consumers:
                    assert not consumer.ended, f"a consumer ended:\n{consumer.tail()}"
                return client.xlen("crm:signals") == 0

            wait_until(drained, seconds=seconds, every=0.1)

    def counters(self):
        """Return what the queue counts: accepted, done, bytes waiting."""
        with self.valkey.connect() as client:
            names = ("accepted", "done", "bytes")
            return {name: int(client.get(f"crm:signals:{name}") or 0) for name in names}

    def logs(self):
        """Return the ends of all programs' output, for the message of a failure."""
        return "\n".join(
            f"== {path.name}\n{_tail(path)}" for path in self.folder.parent.rglob("*.log")
        )

    def stop(self):
        """Ask the programs to end as an operator does; returns the consumers' exit codes."""
        codes = [consumer.stop() for consumer in self.consumers]
        self.web.stop()
        return codes

    def destroy(self):
        for program in self.programs():
            program.kill()


def request(port, method, path, *, body=None, headers=None, wait=30):
    """Send one request on a connection of its own; return (status, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=wait)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()


def _tail(path):
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 3000), os.SEEK_SET)
        return file.read().decode(errors="replace")
