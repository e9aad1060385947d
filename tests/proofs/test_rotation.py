"""The application's credential is changed while it works: nothing fails, the old one is dead."""

import json
import os
import subprocess
import sys
import threading
import uuid

import psycopg
import pytest
from psycopg import sql

from crm_project.embedded.layout import PROJECT_ROOT
from tests.proofs.figures import note
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow_proof, pytest.mark.owner, pytest.mark.timeout(600)]

HBA = "host all crm 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
BEGUN = """
from django.utils import timezone
from tests.recommendations.storage import RecoRun, make_config

RecoRun.objects.create(pk=999, as_of=timezone.localdate(), time_zone="UTC", config=make_config())
"""
OWNERS, FIRST = "the-owners-password", "the-first-password"


class Database:
    """A server that asks for passwords, with the roles applied."""

    def __init__(self, postgres, folder):
        self.server = postgres(folder / "data")
        (self.server.folder / "hba.conf").write_text(HBA)
        self.server.copy_to(folder / "data")
        self.server.start()
        self.manage("apply_roles", user="crm", CRM_ADMIN_PASSWORD=OWNERS, CRM_APP_PASSWORD=FIRST)

    def url(self, user, password):
        return f"postgres://{user}:{password}@127.0.0.1:{self.server.port}/{self.server.database}"

    def manage(self, *arguments, user="admin_user", fails=False, **environment):
        """Run a command as its user; return what it printed, or what it complained of."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT_ROOT,
            env={**os.environ, "DATABASE_URL": self.url(user, OWNERS), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    def rotate(self):
        said = json.loads(self.manage("rotate_login", "start", "--json"))
        return said["login"], said["password"]

    def exchange(self):
        """Put a new database under the name, as a restore does."""
        name, before = self.server.database, "crm_before"
        with psycopg.connect(self.url("crm", "").replace(f"/{name}", "/postgres")) as session:
            session.autocommit = True
            for statement in ("alter database {0} rename to {1}",
                              "create database {0} template {1}"):  # fmt: skip
                session.execute(
                    sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(before))
                )

    def log_in(self, user, password):
        return psycopg.connect(self.url(user, password), autocommit=True, connect_timeout=10)


class Process(threading.Thread):
    """Writes all the time, with a new connection now and then, as web processes and workers do."""

    def __init__(self, database, credential):
        super().__init__()
        self.database = database
        self.credential = credential
        self.in_use = None
        self.ended = threading.Event()
        self.written = []
        self.errors = []

    def run(self):
        while not self.ended.is_set():
            try:
                self._work(self.credential)
            except psycopg.Error as error:
                self.errors.append(str(error))
                self.ended.wait(0.05)

    def _work(self, credential):
        with self.database.log_in(*credential) as session:
            self.in_use = credential
            for _ in range(20):
                key = uuid.uuid4().hex
                session.execute("insert into django_session values (%s, '', now())", [key])
                self.written.append(key)

    def restart(self, credential):
        """Give it another credential, as a deployment does; wait until it uses it."""
        self.credential = credential
        wait_until(lambda: self.in_use == credential, seconds=60)

    def writes_more(self):
        count = len(self.written)
        wait_until(lambda: len(self.written) > count + 100, seconds=60)


@pytest.fixture
def database(postgres, folder):
    return Database(postgres, folder)


@pytest.fixture
def processes(database):
    made = [Process(database, ("app_user", FIRST)) for _ in range(4)]
    for process in made:
        process.start()
    yield made
    for process in made:
        process.ended.set()
    for process in made:
        process.join()


def test_two_rotations_under_load_fail_nothing_and_leave_no_old_credential(database, processes):
    dead = [("app_user", FIRST)]
    for name in ("app_user_a", "app_user_b"):
        processes[0].writes_more()
        credential = database.rotate()
        assert credential[0] == name
        for process in processes:
            process.restart(credential)
        database.manage("rotate_login", "finish")
        # A deployment in between must not undo it, whoever runs it.
        database.manage("apply_roles", user="crm" if name == "app_user_a" else "admin_user")
        for process in processes:
            process.writes_more()
        dead.append(credential)
    dead.pop()

    for process in processes:
        process.ended.set()
    for process in processes:
        process.join()
    assert [process.errors for process in processes] == [[]] * 4
    written = {key for process in processes for key in process.written}
    with database.server.connect() as session:
        kept = {key for (key,) in session.execute("select session_key from django_session")}
    assert written <= kept
    for credential in dead:
        with pytest.raises(psycopg.OperationalError):
            database.log_in(*credential)
    note(writes=len(written), errors=0, rotations=2)


def test_changing_the_password_in_place_does_fail(database, processes):
    with database.server.connect() as session:
        session.execute("alter role app_user password 'another'")
    wait_until(lambda: any(process.errors for process in processes), seconds=60)


def test_the_new_login_may_what_the_role_may_and_no_more(database):
    name, password = database.rotate()
    with database.log_in(name, password) as session:
        shown = "select current_user, session_user, current_setting('statement_timeout')"
        assert session.execute(shown).fetchone() == ("app_user", name, "1h")
        session.execute("select count(*) from customers_customer")
        session.execute(
            "select crm_private.ensure_signal_partitions('analytics_signal', array[now()])"
        )
        for forbidden in ("create table public.mine (id int)", "truncate customers_customer",
                          "drop table customers_customer", "create role mine"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden)


@pytest.mark.parametrize("who", ["crm", "admin_user"])
def test_a_login_in_use_is_given_its_limits_anew_after_a_restore(database, who):
    name, password = database.rotate()
    database.exchange()
    if who != "crm":  # the database belongs to whoever restored it
        database.manage("apply_roles", user="crm", CRM_APP_PASSWORD=FIRST)
        with database.server.connect() as session:
            session.execute(f"alter role {name} in database {database.server.database} reset all")
    database.manage("apply_roles", user=who)

    with database.log_in(name, password) as session:
        shown = "select current_user, session_user, current_setting('statement_timeout')"
        assert session.execute(shown).fetchone() == ("app_user", name, "1h")
        limits = "select rolconnlimit from pg_roles where rolname = any(%s)"
        found = session.execute(limits, [["app_user", name]]).fetchall()
        assert len(set(found)) == 1 < found[0][0]


def test_what_was_given_to_a_login_by_hand_is_taken_back(database):
    name, password = database.rotate()
    with database.server.connect() as session:
        session.execute(f"grant pg_read_all_data to {name}")
        session.execute(f"grant truncate on customers_customer to {name}")
        session.execute(f"alter role {name} superuser connection limit 1")
        session.execute(f"alter role {name} set work_mem = '1GB'")
    database.manage("apply_roles", user="crm")

    with database.log_in(name, password) as session, database.log_in(name, password):
        session.execute("set role none")
        assert session.execute("show work_mem").fetchone() != ("1GB",)
        for forbidden in ("truncate customers_customer", "select * from crm_private.business"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden)
        # Through the role it still may.
        session.execute("select count(*) from customers_customer")


def test_what_one_login_began_the_other_goes_on_with(database):
    with database.log_in(*database.rotate()) as first:
        (made,) = first.execute("select crm_private.metrics_open(999)").fetchone()
        database.manage("shell", "--command", BEGUN)
        first.execute("select crm_private.reco_open(999)")
    database.manage("rotate_login", "finish", "--force")
    with database.log_in(*database.rotate()) as second:
        for table in (made, "recommendations_audititem_999"):
            insert = sql.SQL("insert into {} (customer_id) select 1 where false")
            second.execute(insert.format(sql.Identifier(table)))


def test_an_old_login_in_use_is_not_closed_unless_that_is_wished_for(database):
    assert "There is no new login" in database.manage("rotate_login", "finish", fails=True)
    with database.log_in("app_user", FIRST) as old:
        database.rotate()
        said = database.manage("rotate_login", "finish", fails=True)
        assert "Still in use: app_user (1 sessions)" in said
        old.execute("select 1")
        assert "Closed: app_user." in database.manage("rotate_login", "finish", "--force")
        with pytest.raises(psycopg.OperationalError):
            old.execute("select 1")
    database.rotate()
    assert "rotate_login finish" in database.manage("rotate_login", "start", fails=True)
    shown = json.loads(database.manage("rotate_login", "show", "--json"))
    assert [(login["name"], login["open"]) for login in shown] == [
        ("app_user", False), ("app_user_a", True), ("app_user_b", True)
    ]  # fmt: skip
