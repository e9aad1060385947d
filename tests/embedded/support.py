"""Real processes that use embedded servers, and direct looks at those servers."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
from redis import Redis

from crm_project.embedded import locks, postgres, valkey
from crm_project.embedded.layout import PROJECT_ROOT, Layout

WAIT_SECONDS = 30

# The package's own __init__ loads Celery, which is two thirds of such a process's start.
WITHOUT_CELERY = f"""
import sys, types
sys.modules["crm_project"] = types.ModuleType("crm_project")
sys.modules["crm_project"].__path__ = [{str(PROJECT_ROOT / "crm_project")!r}]
"""

USE = """
import sys
from crm_project import embedded
embedded.ensure_for_process(handle_signals=True)
print("ready", flush=True)
sys.stdin.read()
"""


class User:
    """A process that starts the servers, says so, and ends when told to."""

    def __init__(self, home: Path, script: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_CELERY + script],
            cwd=PROJECT_ROOT,
            env=clean_environment(CRM_HOME=str(home), **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_ready(self) -> "User":
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            message = f"it said {line!r} and then {self.process.communicate()}"
            raise AssertionError(message)
        return self

    def leave(self) -> str:
        """Let it end by itself; returns what it wrote to stderr."""
        return self.process.communicate(timeout=WAIT_SECONDS)[1]

    def send(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        return self.leave()


class Home:
    """One CRM_HOME, its processes and its servers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.layout = Layout.of(path)
        self.users: list[User] = []

    def begin(self, script: str = USE, **environment: str) -> User:
        """Start a process and do not wait for it."""
        self.users.append(User(self.path, script, environment))
        return self.users[-1]

    def use(self, script: str = USE, **environment: str) -> User:
        """Start a process and wait until it has its servers."""
        return self.begin(script, **environment).wait_ready()

    def use_twice(self) -> tuple[User, User]:
        """Start two processes at once and wait until both have their servers."""
        first, second = self.begin(), self.begin()
        return first.wait_ready(), second.wait_ready()

    @property
    def running(self) -> tuple[bool, bool]:
        """Whether (PostgreSQL, Valkey) answer."""
        ready = postgres.state(self.layout) is postgres.State.READY
        return ready, valkey.is_ready(self.layout)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            postgres.connection_string(self.layout, postgres.DATABASE), autocommit=True
        )

    def redis(self) -> Redis:
        return Redis(unix_socket_path=str(self.layout.valkey_socket))

    def kill_postgres(self) -> None:
        kill(postgres.postmaster_pid(self.layout))

    def kill_valkey(self) -> None:
        with self.redis() as client:
            kill(client.info("server")["process_id"])

    def rest(self) -> None:
        """End all processes of this home and keep its data for the next test."""
        self._end_users()
        assert valkey.stop(self.layout)
        assert postgres.stop(self.layout)

    def _end_users(self) -> None:
        while self.users:
            process = self.users.pop().process
            if process.poll() is None:
                process.kill()
            process.communicate()

    def remove(self) -> None:
        """End all processes of this home and delete what it left anywhere."""
        self._end_users()
        pids = [
            postgres.postmaster_pid(self.layout),
            *postgres.children(self.layout),
            *valkey.pids(self.layout),
        ]
        for pid in filter(None, pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        outside = {self.layout.away, self.layout.sockets} - {self.path / "run"}
        for folder in (self.path, *outside):
            shutil.rmtree(folder, ignore_errors=True)


def clean_environment(**more: str) -> dict[str, str]:
    """This environment without what would steer the servers."""
    steering = ("CRM_", "DATABASE_", "REDIS_", "COV_", "COVERAGE_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    return kept | more


def kill(pid: int | None) -> None:
    """``kill -9``, and wait until the process has ended (a zombie has)."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    status = Path(f"/proc/{pid}/cmdline")
    assert eventually(lambda: not status.exists() or not status.read_bytes())


def eventually(condition) -> bool:
    return locks.wait_until(condition, seconds=WAIT_SECONDS)
