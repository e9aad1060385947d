"""Three PostgreSQL servers under Patroni, with etcd: killed, frozen, cut off from one another."""

import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
from django.conf import settings

from crm_project.embedded.account import server_account
from crm_project.embedded.binaries import postgres_programs
from tests.proofs.apart import Apart, python
from tests.proofs.lines import Line
from tests.proofs.programs import Program, children, free_port, lives, send
from tests.waiting import wait_until

PATRONI = Apart("patroni", "bin/patroni")
TTL = 20
"""Seconds after which a leader that says nothing is replaced: the least that Patroni allows."""

RULES = ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]


def why_not():
    """Return in words why there can be no cluster here; empty: there can."""
    return PATRONI.why_not() or ("" if shutil.which("etcd") else "make test-slow installs etcd")


class Node:
    """One server and its agent; the others and etcd are reached over lines that can be cut."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.folder = cluster.folder / name
        self.data = self.folder / "data"
        self.port, self.rest = free_port(), free_port()
        self.folder.mkdir(mode=0o755)
        self.line = Line(self.port, self.folder / "line.log")
        self.etcd = Line(cluster.etcd_port, self.folder / "etcd.log")
        if cluster.account:
            os.chown(self.folder, cluster.account.uid, cluster.account.gid)
        self.agent = None

    def start(self):
        file = self.folder / "patroni.json"
        file.write_text(json.dumps(self._configuration()))
        file.chmod(0o644)
        place = PATRONI.place
        self.agent = Program(
            [python(self.cluster.account), place / "bin" / "patroni", file],
            log=self.folder / "patroni.log",
            account=self.cluster.account,
            environment={
                "PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent",
                "PYTHONPATH": str(place),
            },
        )  # fmt: skip
        return self

    def _configuration(self):
        account = self.cluster.account
        user = {"username": "crm"}
        return {
            "scope": "crm",
            "name": self.name,
            "restapi": {
                "listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{self.rest}",
            },
            # As a proxy: else it would ask etcd for its own address, and go around the line.
            "etcd3": {"proxy": f"http://127.0.0.1:{self.etcd.port}"},
            "bootstrap": {"dcs": self.cluster.rules},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.line.port}",
                "data_dir": str(self.data),
                "bin_dir": str(postgres_programs(account)),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {"superuser": user, "replication": user, "rewind": user},
                "pg_hba": RULES,
                "parameters": {
                    "unix_socket_directories": "",
                    "shared_preload_libraries": "pg_stat_statements",
                    "timezone": "UTC",
                    "jit": "off",
                    "shared_buffers": "64MB",
                },
                "basebackup": {"checkpoint": "fast"},
            },
        }  # fmt: skip

    def leads(self):
        """Whether it is the primary, by what its agent says."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/primary", timeout=2) as said:
                return said.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def connect(self, **options):
        address = {"host": "127.0.0.1", "port": self.port, "user": "crm"}
        database = self.cluster.database
        return psycopg.connect(**address, dbname=database, autocommit=True, connect_timeout=3,
                               **options)  # fmt: skip

    # --- Blows ----------------------------------------------------------------------------

    def kill_server(self):
        """``kill -9`` PostgreSQL's main process; the agent lives."""
        send(self._server()[0], signal.SIGKILL)

    def kill(self):
        """Kill everything at once, as when the machine goes."""
        # The agent's server is no child of its agent.
        every = [*self.agent.family(), *self._server()]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in every:
                send(pid, number)
        self.agent.process.wait(timeout=30)
        wait_until(lambda: not any(lives(pid) for pid in every), seconds=30, every=0.01)

    def _server(self):
        """Return PostgreSQL's processes, the main one first; none where it does not run."""
        try:
            main = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return []
        # Perhaps the file is an old one, and the number is somebody else's by now.
        ours = lives(main) and Path(f"/proc/{main}/cwd").resolve() == self.data.resolve()
        return [main, *children(main)] if ours else []

    def freeze_agent(self):
        send(self.agent.pid, signal.SIGSTOP)

    def thaw_agent(self):
        send(self.agent.pid, signal.SIGCONT)

    def cut_off(self):
        """Cut its lines to etcd and to the other servers; who is beside it still reaches it."""
        self.line.cut()
        self.etcd.cut()

    def join_again(self):
        self.line.mend()
        self.etcd.mend()


class Cluster:
    """etcd and three nodes; the first has a copy of the tests' database.

    ``synchronous``: a commit is acknowledged once a second server has it, and none without one.
    """

    def __init__(self, folder, copy_to, *, synchronous):
        self.folder = Path(folder)
        self.account = server_account()
        self.database = settings.DATABASES["default"]["NAME"]
        self.etcd_port = free_port()
        self.etcd = self._etcd()
        self.rules = {
            "ttl": TTL,
            "loop_wait": 5,
            "retry_timeout": 5,
            "primary_start_timeout": 0,
            "maximum_lag_on_failover": 1 << 30,
            "synchronous_mode": synchronous,
            "synchronous_mode_strict": synchronous,
            "postgresql": {"use_pg_rewind": True, "use_slots": True},
        }
        self.nodes = [Node(self, f"n{number}") for number in (1, 2, 3)]
        copy_to(self.nodes[0].data)

    def _etcd(self):
        folder = self.folder / "etcd"
        folder.mkdir()
        here, peers = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, free_port()))
        command = [
            *(shutil.which("etcd"), "--data-dir", folder / "data", "--name", "e1"),
            *("--listen-client-urls", here, "--advertise-client-urls", here),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"e1={peers}", "--log-level", "warn"),
        ]
        return Program(command, log=folder / "etcd.log")

    def start(self):
        first, *others = self.nodes
        first.start().agent.wait_for(first.leads, seconds=90)
        for node in others:
            node.start()
        wait_until(lambda: self.standbys() == 2, seconds=90, every=0.2)
        return self

    @property
    def leader(self):
        return next((node for node in self.nodes if node.leads()), None)

    def standbys(self):
        """How many servers stream from the leader."""
        leader = self.leader
        if leader is None:
            return 0
        try:
            with leader.connect() as connection:
                found = connection.execute(
                    "select count(*) from pg_stat_replication where state = 'streaming'"
                ).fetchone()
        except psycopg.OperationalError:
            return 0
        return found[0]

    def has_heir(self):
        """Whether etcd knows a synchronous standby: only that one may become the primary."""
        url = f"http://127.0.0.1:{self.nodes[1].rest}/cluster"
        with urllib.request.urlopen(url, timeout=5) as said:
            members = json.load(said)["members"]
        return any(member["role"] == "sync_standby" for member in members)

    def logs(self):
        """Return the ends of what the agents said."""
        return "\n".join(f"== {node.name}\n{node.agent.tail()}" for node in self.nodes)

    def destroy(self):
        for node in self.nodes:
            if node.agent is not None:
                node.kill()
            node.line.close()
            node.etcd.close()
        self.etcd.kill()


def install():
    """What ``tests/proofs/install.sh`` calls."""
    PATRONI.install()


if __name__ == "__main__":
    install()
