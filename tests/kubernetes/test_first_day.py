"""The first day of production's database: a new server, its logins, and the Job that migrates."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.kubernetes.manifests import ROOT, Manifests
from tests.proofs.servers import Postgres

PASSWORDS = {"admin_user": "owner's/p@ss", "app_user": "app:p@ss word"}
HBA = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class NewServer(Postgres):
    """As the operator makes it: a superuser, and an owner of one empty database."""

    def make(self, spec):
        self.data.mkdir(mode=0o700)
        if self.account:
            os.chown(self.data, self.account.uid, self.account.gid)
        options = ("--username", "postgres", "--encoding", "UTF8", "--locale", "C.UTF-8")
        self._tool("initdb", "--pgdata", self.data, *options, "--no-sync")
        (self.folder / "hba.conf").write_text(HBA)
        self.database = "postgres"
        self.start()
        first = spec["bootstrap"]["initdb"]
        password = PASSWORDS[first["owner"]].replace("'", "''")
        with self.connect() as superuser:
            superuser.execute(f"create role {first['owner']} login password '{password}'")
            superuser.execute(f"create database {first['database']} owner {first['owner']}")
        self.database = first["database"]
        with self.connect() as superuser:
            for statement in first["postInitApplicationSQL"]:
                superuser.execute(statement)
        return self

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/{self.database}"

    def log_in(self, user):
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=user,
            password=PASSWORDS[user],
            dbname=self.database,
            autocommit=True,
        )


@pytest.fixture(scope="module")
def manifests():
    return Manifests.of("prod")


@pytest.fixture(scope="module")
def server(manifests, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    # Another user than ours runs the server where we are root.
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    server = NewServer(folder / "server", folder / "data")
    try:
        yield server.make(manifests.get("Cluster", "postgres")["spec"])
    finally:
        server.stop()


def run_in_pod(container, server, user, **more):
    """Run a container's own command with what its Secret would give it."""
    given = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": str(server.port),
        "POSTGRES_DB": server.database,
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": PASSWORDS[user],
        "REDIS_URL": "redis://127.0.0.1:9/0",
        **more,
    }
    kept = {key: os.environ[key] for key in ("HOME", "PYTHONPATH") if key in os.environ}
    return subprocess.run(
        container["command"],
        cwd=ROOT,
        env={**kept, **given},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_who_owns_nothing_works_with_what_the_owner_made(server, manifests):
    migrate = manifests.workload("crm-migrate").pod["containers"][0]
    wait = manifests.workload("crm-web").pod["initContainers"][0]
    assert wait["command"][-1].startswith("until python manage.py migrate --check")
    look = {"command": ["python", "manage.py", "migrate", "--check"]}

    # Before the Job there is no password to log in with.
    assert run_in_pod(look, server, "app_user").returncode != 0
    given = {"CRM_APP_PASSWORD": PASSWORDS["app_user"]}
    for _time in ("first", "again"):
        done = run_in_pod(migrate, server, "admin_user", **given)
        assert done.returncode == 0, done.stderr
    assert run_in_pod(look, server, "app_user").returncode == 0

    with server.log_in("app_user") as app:
        assert app.execute("select count(*) from customers_customer").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("create table public.mine (id int)")
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("drop table customers_customer")
        owners = "select distinct tableowner from pg_tables where schemaname = 'public'"
        assert app.execute(owners).fetchall() == [("admin_user",)]
