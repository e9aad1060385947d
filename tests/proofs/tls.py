"""PostgreSQL and Valkey that speak TLS only, set up by the very files that k8s ships."""

import contextlib
import os
import signal
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import psycopg
from cryptography import x509
from redis import Redis

from crm_project.embedded.layout import PROJECT_ROOT
from tests.proofs import debian
from tests.proofs.certificates import Mounted
from tests.proofs.programs import Program
from tests.proofs.servers import Postgres, Valkey

SHIPPED = PROJECT_ROOT / "k8s"
SUPERUSERS, APPLICATIONS, QUEUES = "the-superusers", "the-applications", "the-queues"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class TlsPostgres(Postgres):
    """Debian's PostgreSQL 18 with ``k8s/components/postgres``; only places and memory differ."""

    def __init__(self, folder, data, issued):
        super().__init__(folder, data)
        self.tls = Mounted(self.folder / "tls", self.account, issued)
        self.sockets = self.folder / "run"
        self.sockets.mkdir()
        self.reloader = None
        if self.account:
            os.chown(self.sockets, self.account.uid, self.account.gid)
        for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
            text = (SHIPPED / "components/postgres" / name).read_text("utf-8")
            if name == "pg_ident.conf":
                # The system's user has another name than in the container.
                text = text.replace("postgres ", f"{self.owner} ")
            if name == "postgresql.conf":
                text += "".join(f"{name} = '{value}'\n" for name, value in self._places().items())
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o644)

    def _places(self):
        """Return what is said once more at the end of the shipped file, where it counts."""
        return {
            "hba_file": self.folder / "pg_hba.conf",
            "ident_file": self.folder / "pg_ident.conf",
            "ssl_cert_file": self.tls.certificate,
            "ssl_key_file": self.tls.key,
            "unix_socket_directories": self.sockets,
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "shared_buffers": "128MB",
        }

    @property
    def owner(self):
        return self.account.name if self.account else Path.home().owner()

    @property
    def url(self):
        return f"postgres://app_user:{APPLICATIONS}@localhost:{self.port}/{self.database}"

    def start(self):
        file = self.folder / "postgresql.conf"
        self.program = Program(
            [*debian.program("postgres"), "-D", self.data, "-c", f"config_file={file}"],
            log=self.folder / "postgres.log",
            account=self.account,
            dying=signal.SIGQUIT,
        )
        self.program.wait_for(self.answers, seconds=120)
        return self

    def answers(self):
        return self.ask("select 1", fails=None) == "1"

    def ask(self, statement, *, fails=False):
        """Run a statement inside the container, as probes and ``kubectl exec`` do."""
        done = subprocess.run(
            [debian.place() / "bin/psql", "--no-psqlrc", "-qtAc", statement],
            env={**self.inside(), "PGUSER": "crm", "PGDATABASE": self.database},
            cwd="/",
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert fails is None or bool(done.returncode) is fails, done.stderr
        return done.stdout.strip()

    def inside(self):
        path = f"{debian.place() / 'bin'}:{os.defpath}"
        return {"PATH": path, "PGHOST": str(self.sockets), "PGPORT": str(self.port)}

    def start_reloader(self):
        """Start the pod's second container."""
        for name, content in (("user", "crm"), ("database", self.database)):
            (self.folder / name).write_text(content)
        self.reloader = Program(
            ["/bin/sh", _readable("components/postgres/reload-certificates.sh", self.folder)],
            log=self.folder / "reloader.log",
            account=self.account,
            environment={
                **self.inside(),
                "CERTIFICATES": str(self.tls.folder),
                "POSTGRES_USER_FILE": str(self.folder / "user"),
                "POSTGRES_DB_FILE": str(self.folder / "database"),
                "ALIVE": str(self.sockets / "reloader"),
                "EVERY": "0.2",
            },
        )

    def log_in(self, trusted, *, user="app_user", password=APPLICATIONS, host="localhost", **more):
        """Connect as the application does: ``verify-full`` unless said otherwise."""
        return psycopg.connect(
            **{
                "host": host, "port": self.port, "dbname": self.database, "user": user,
                "password": password, "sslmode": "verify-full", "sslrootcert": trusted.file,
                "autocommit": True, "connect_timeout": 10, **more,
            }
        )  # fmt: skip

    def shown(self):
        """Return the serial number of the certificate that a new connection is shown."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
            plain.sendall(SSL_REQUEST)
            assert plain.recv(1) == b"S"
            return _serial(plain)


class TlsValkey(Valkey):
    """Debian's Valkey with ``k8s/base/files/valkey.conf`` and a password."""

    def __init__(self, folder, data, issued, trusted):
        super().__init__(folder, data)
        self.tls = Mounted(self.folder / "tls", None, issued)
        self.trusted = trusted
        self.reloader = None
        text = (SHIPPED / "base/files/valkey.conf").read_text("utf-8")
        # It goes there while it reads the file.
        text = text.replace("dir /data", f'dir "{self.data}"')
        (self.folder / "valkey.conf").write_text(f"{text}requirepass {QUEUES}\n")

    @property
    def url(self):
        return f"rediss://:{QUEUES}@localhost:{self.port}/0"

    def start(self, **more):
        places = {
            "tls-port": self.port,
            "tls-cert-file": self.tls.certificate,
            "tls-key-file": self.tls.key,
            "tls-ca-cert-file": self.tls.folder / "ca.crt",
            "bind": "127.0.0.1",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        settings_ = [part for name, value in places.items() for part in (f"--{name}", value)]
        command = [*debian.program("valkey-server"), self.folder / "valkey.conf", *settings_]
        self.program = Program(command, log=self.folder / "valkey.log")
        self.program.wait_for(lambda: self.answers(**more))
        return self

    def answers(self, tls_auth_clients="no"):
        if tls_auth_clients == "yes":
            return "Ready to accept" in self.program.tail()
        return super().answers()

    def connect(self, **options):
        return Redis(
            **{
                "host": "localhost", "port": self.port, "password": QUEUES, "socket_timeout": 30,
                "ssl": True, "ssl_ca_certs": str(self.trusted.file), **options,
            }
        )  # fmt: skip

    def start_reloader(self):
        """Start the pod's second container."""
        (self.folder / "password").write_text(QUEUES)
        self.reloader = Program(
            ["/bin/sh", _readable("base/files/reload-certificates.sh", self.folder)],
            log=self.folder / "reloader.log",
            environment={
                "PATH": f"{debian.place() / 'bin'}:{os.defpath}",
                "CERTIFICATES": str(self.tls.folder),
                "VALKEY_PASSWORD_FILE": str(self.folder / "password"),
                "VALKEY_PORT": str(self.port),
                "ALIVE": str(self.folder / "reloader"),
                "EVERY": "0.2",
            },
        )

    def shown(self):
        """Return the serial number of the certificate that a new connection is shown."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
            return _serial(plain)


def _readable(shipped, folder):
    """Copy a script to where the server's user can read it."""
    copy = folder / Path(shipped).name
    copy.write_text((SHIPPED / shipped).read_text("utf-8"))
    copy.chmod(0o644)
    return copy


def _serial(plain):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(plain, server_hostname="localhost") as secured:
        assert secured.version() == "TLSv1.3"
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)).serial_number


def kill(*servers):
    """End servers with their second containers."""
    for server in servers:
        for program in (server.reloader, server.program):
            if program is not None:
                with contextlib.suppress(ProcessLookupError):
                    program.kill()
