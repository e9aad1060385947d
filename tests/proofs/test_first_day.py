"""Days of production's database: a new server, its logins, the migrating Job; a loss, a restore."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg
import pyrage
import pytest
from psycopg import errors

from crm_project.embedded.binaries import postgres_programs
from tests.kubernetes.manifests import ROOT, Manifests
from tests.proofs.servers import Postgres

PASSWORDS = {
    "admin_user": "owner's/p@ss",
    "app_user": "app:p@ss word",
    "restore_user": "only for the night",
}
LOOK = {"command": ["python", "manage.py", "migrate", "--check"]}
OWNERS = "select distinct tableowner from pg_tables where schemaname in ('public', 'crm_private')"
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
        powers = {role["name"]: "superuser" for role in spec["managed"]["roles"]}
        with self.connect() as superuser:
            for role in (first["owner"], *powers):
                password = PASSWORDS[role].replace("'", "''")
                made = f"create role {role} login {powers.get(role, '')} password '{password}'"
                superuser.execute(made)
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
def server(manifests):
    # Another user than ours runs the server where we are root; pytest's folders let nobody in.
    folder = Path(tempfile.mkdtemp(prefix="crm-proof-", dir="/var/tmp"))
    folder.chmod(0o755)
    server = NewServer(folder / "server", folder / "data")
    try:
        yield server.make(manifests.get("Cluster", "postgres")["spec"])
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


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
        [*container["command"], *container.get("args", [])],
        cwd=ROOT,
        env={**kept, **given},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.fixture(scope="module")
def migrated(server, manifests):
    """The server after its first Job."""
    job = manifests.workload("crm-migrate").pod["containers"][0]
    # Before it there is no password to log in with.
    assert run_in_pod(LOOK, server, "app_user").returncode != 0
    for _time in ("first", "again"):
        done = run_in_pod(job, server, "admin_user", CRM_APP_PASSWORD=PASSWORDS["app_user"])
        assert done.returncode == 0, done.stderr
    return server


@pytest.mark.slow_proof
def test_pods_wait_by_looking(manifests):
    wait = manifests.workload("crm-web").pod["initContainers"][0]["command"][-1]

    assert wait.startswith(f"until {' '.join(LOOK['command'])};")


@pytest.mark.slow_proof
@pytest.mark.timeout(600)
def test_who_owns_nothing_works_with_what_the_owner_made(migrated):
    assert run_in_pod(LOOK, migrated, "app_user").returncode == 0
    with migrated.log_in("app_user") as app:
        assert app.execute("select count(*) from customers_customer").fetchone() == (0,)
        for statement in ("create table public.mine (id int)", "drop table customers_customer"):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(statement)
        assert app.execute(OWNERS).fetchall() == [("admin_user",)]


@pytest.mark.slow_proof
@pytest.mark.timeout(600)
def test_what_was_lost_by_day_is_back_after_a_restore(migrated, manifests, tmp_path):
    """With the commands and the logins of the CronJobs; only the place is another one."""
    given = {
        "CRM_BACKUP_URL": f"file://{tmp_path}",
        "CRM_PG_BIN": str(postgres_programs(migrated.account)),
        "CRM_BACKUP_KEY": str(pyrage.x25519.Identity.generate()),
    }
    password = quote(PASSWORDS["restore_user"])
    restorer = f"postgres://restore_user:{password}@127.0.0.1:{migrated.port}/{migrated.database}"
    with migrated.log_in("app_user") as app:
        app.execute(
            "insert into customers_campaign (code, name, channel, purpose, cost, holdout_share)"
            " values ('A', 'A', 'sms', 'marketing', 0, 0)"
        )

    def run(name, *arguments, user="admin_user", **more):
        container = manifests.workload(name).pod["containers"][0]
        container = {**container, "args": [*container.get("args", []), *arguments]}
        done = run_in_pod(container, migrated, user, **given, **more)
        assert done.returncode == 0, done.stdout + done.stderr

    run("crm-backup")
    run("crm-backup-drill", DATABASE_URL=restorer)
    with migrated.log_in("admin_user") as owner:
        assert owner.execute("select status from common_drillrun").fetchall() == [("succeeded",)]
        owner.execute("drop table customers_campaign cascade")
    run("crm-restore", "--force", DATABASE_URL=restorer)

    assert run_in_pod(LOOK, migrated, "app_user").returncode == 0
    with migrated.log_in("app_user") as app:
        assert app.execute("select code from customers_campaign").fetchall() == [("A",)]
        assert app.execute(OWNERS).fetchall() == [("admin_user",)]
