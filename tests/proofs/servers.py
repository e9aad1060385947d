"""A PostgreSQL and a Valkey of our own that a test may kill, on ports and folders of our own."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from django.conf import settings
from redis import Redis

from crm_project import embedded
from crm_project.embedded.account import server_account
from crm_project.embedded.binaries import postgres_programs, valkey_program
from crm_project.embedded.layout import Layout
from tests.proofs.programs import Program, accepts, free_port


class Postgres:
    """A copy of the tests' server with its migrated database.

    ``folder`` holds what is no data; ``data`` is where the data lies, perhaps on a ``Disk``.
    ``weak``: commits are acknowledged before they are on disk. ``environment``: what its
    processes see; ``more``: further settings.
    """

    def __init__(self, folder, data, *, weak=False, environment=None, **more):
        self.account = server_account()
        self.folder = Path(folder)
        self.data = Path(data)
        self.port = free_port()
        self.database = settings.DATABASES["default"]["NAME"]
        self.program = None
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.environment = environment
        self._configure(synchronous_commit="off" if weak else "on", **more)

    @property
    def url(self):
        return f"postgres://crm@127.0.0.1:{self.port}/{self.database}"

    def copy_to(self, target, home=None):
        """Copy the tests' server, which has the migrated database, into ``target``.

        ``home``: the folder of another embedded server that runs, such as the demo's.
        """
        target = Path(target)
        target.mkdir(mode=0o700)
        if self.account:
            os.chown(target, self.account.uid, self.account.gid)
        sockets = Layout.of(Path(home) if home else embedded.crm_home()).sockets
        self._tool(
            *("pg_basebackup", "--pgdata", target, "--host", sockets, "--username", "crm"),
            *("--checkpoint", "fast", "--no-sync", "--wal-method", "stream"),
        )

    def assert_sound(self):
        """Compare every index with its table, page by page."""
        self._tool(
            *("pg_amcheck", "--host", "127.0.0.1", "--port", str(self.port), "--username", "crm"),
            *("--install-missing", "--heapallindexed", self.database),
        )

    def _tool(self, name, *arguments):
        done = subprocess.run(
            [postgres_programs(self.account) / name, *arguments],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _configure(self, **more):
        lines = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "hba_file": self.folder / "hba.conf",
            "ident_file": self.folder / "ident.conf",
            "fsync": "on",
            "shared_buffers": "128MB",
            "max_connections": 80,
            "min_wal_size": "64MB",
            "max_wal_size": "256MB",
            "checkpoint_timeout": "30s",
            "shared_preload_libraries": "pg_stat_statements",
            "timezone": "UTC",
            "jit": "off",
            **more,
        }
        text = "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        (self.folder / "postgresql.conf").write_text(text)
        (self.folder / "hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
        (self.folder / "ident.conf").write_text("")
        for file in self.folder.glob("*.conf"):
            file.chmod(0o644)

    def start(self):
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        program = postgres_programs(self.account) / "postgres"
        configuration = self.folder / "postgresql.conf"
        self.program = Program(
            [program, "-D", self.data, "-c", f"config_file={configuration}"],
            log=self.folder / "postgres.log",
            account=self.account,
            environment=self.environment,
            dying=signal.SIGQUIT,
        )
        self.program.wait_for(self.answers, seconds=120)
        return self

    def answers(self):
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, **options):
        options = {"autocommit": True, "connect_timeout": 5, **options}
        return psycopg.connect(self.url, **options)

    def kill_master(self):
        """Kill the main process alone; the others notice and end, the last of them soon."""
        family = self.program.family()[1:]
        os.kill(self.program.pid, signal.SIGKILL)
        self.program.process.wait(timeout=30)
        for pid in family:
            # One in the middle of a statement need not notice; no server may start beside it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.program.kill()

    def stop(self):
        if self.program is not None:
            self.program.stop(signal.SIGINT)


class Valkey:
    """A Valkey whose append-only file lies in ``data``."""

    def __init__(self, folder, data, *, appendfsync="always"):
        self.folder = Path(folder)
        self.data = Path(data)
        self.port = free_port()
        self.program = None
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        lines = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": f'"{self.data}"',
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": appendfsync,
            "aof-load-truncated": "yes",
            # Rewritten often, so that a cut also meets the change from one file to the next.
            "auto-aof-rewrite-min-size": "1mb",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        (self.folder / "valkey.conf").write_text(text)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        command = [valkey_program(), self.folder / "valkey.conf"]
        self.program = Program(command, log=self.folder / "valkey.log")
        self.program.wait_for(self.answers)
        return self

    def connect(self, **options):
        return Redis(port=self.port, socket_timeout=30, **options)

    def answers(self):
        if not accepts(self.port):
            return False
        with self.connect() as client, contextlib.suppress(Exception):
            return client.ping()
        return False

    def stop(self):
        if self.program is not None:
            self.program.stop()


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
