"""What a failover costs: callers write, the primary is struck, acknowledgements are counted.

The table: ``pytest -m slow_proof tests/proofs/test_failover.py -s``.
"""

import http.client
import json
import threading
from dataclasses import dataclass
from time import monotonic

from tests.proofs.crm import Crm, request
from tests.proofs.patroni import Cluster
from tests.waiting import wait_until

WRITERS = 4
SOME = 100
"""Acknowledgements that show that writing goes on."""


@dataclass(frozen=True)
class Outcome:
    """``seconds_to_recover``: the longest time without an acknowledgement; ``lost``: those gone."""

    blow: str
    synchronous: bool
    acknowledged: int
    seconds_to_recover: float
    lost: int


class Writers:
    """Callers that create customers, each code until it is acknowledged, with one key per code."""

    def __init__(self, port, token):
        self.port, self.token = port, token
        self.moments, self.codes = [monotonic()], []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)
        ]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive()

    def go_on(self, *, seconds=120):
        """Wait for some more acknowledgements."""
        enough = len(self.codes) + SOME
        wait_until(lambda: len(self.codes) >= enough, seconds=seconds, every=0.05)

    def longest_gap(self):
        pairs = zip(self.moments, self.moments[1:], strict=False)
        return max(after - before for before, after in pairs)

    def _write(self, writer):
        number = 0
        while not self._stop.is_set():
            code = f"W{writer}-{number}"
            if self._written(code):
                with self._lock:
                    self.codes.append(code)
                    self.moments.append(monotonic())
                number += 1
            else:
                self._stop.wait(0.1)

    def _written(self, code):
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": code,
        }
        body = json.dumps({"code": code, "name": "Proof"})
        try:
            path = "/api/v1/customers"
            return request(self.port, "POST", path, body=body, headers=headers, wait=5)[0] == 201
        except (OSError, http.client.HTTPException):
            return False


class Experiment:
    """A cluster, the CRM's web server beside it, and writers; one blow, and what came of it."""

    def __init__(self, folder, copy_to, valkey, token, *, synchronous):
        (folder / "home").mkdir()
        (folder / "aof").mkdir()
        self.synchronous = synchronous
        self.cluster = Cluster(folder, copy_to, synchronous=synchronous)
        self.cluster.start()
        if synchronous:
            wait_until(self.cluster.has_heir, seconds=60)
        queue = valkey(folder / "aof")
        queue.start()
        ports = ",".join(str(node.port) for node in self.cluster.nodes)
        self.crm = Crm(
            folder / "home",
            Unnamed(),
            queue,
            consumers=0,
            POSTGRES_HOST="127.0.0.1,127.0.0.1,127.0.0.1",
            POSTGRES_PORT=ports,
            POSTGRES_USER="crm",
            POSTGRES_DB=self.cluster.database,
            CRM_WEB_THREADS="8",
        )
        self.crm.start_web()
        self.writers = Writers(self.crm.port, token).start()

    def run(self, name, strike, heal=None):
        """Strike the leader, wait for another, heal, and compare."""
        self.writers.go_on()
        old = self.cluster.leader
        strike(old)
        try:
            wait_until(lambda: self._leader_but(old), seconds=90, every=0.1)
        except AssertionError as error:
            error.add_note(self.cluster.logs())
            raise
        if heal is not None:
            # The old and the new one side by side for a while: here writes are lost, if any are.
            self._look_on(3)
            heal(old)
        else:
            old.kill()
            old.start()
        self.writers.go_on()
        wait_until(lambda: self.cluster.standbys() == 2, seconds=90, every=0.5)
        self.writers.go_on()
        self.writers.stop()
        return Outcome(
            name,
            self.synchronous,
            len(self.writers.codes),
            round(self.writers.longest_gap(), 1),
            len(set(self.writers.codes) - self._stored()),
        )

    def _leader_but(self, old):
        return next((node for node in self.cluster.nodes if node is not old and node.leads()), None)

    def _look_on(self, seconds):
        until = monotonic() + seconds
        wait_until(lambda: monotonic() > until, seconds=seconds + 5, every=0.1)

    def _stored(self):
        with self.cluster.leader.connect() as connection:
            rows = connection.execute("select code from customers_customer where code like 'W%'")
            return {code for (code,) in rows.fetchall()}

    def destroy(self):
        self.writers._stop.set()
        self.crm.web.kill()
        self.cluster.destroy()


class Unnamed:
    """To the CRM's settings, a cluster has no URL: its hosts are named one by one."""

    url = ""
    program = None
