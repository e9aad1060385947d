import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from crm_project.embedded import locks, postgres
from tests.embedded.support import Home, eventually


@pytest.fixture
def filled(home: Home) -> Home:
    """Servers in use, with something committed in each."""
    home.use()
    fill(home)
    return home


@pytest.fixture
def stranger(home: Home) -> Iterator[int]:
    """The pid of a living program of PostgreSQL's user that has nothing to do with it."""
    account = home.layout.account
    program = subprocess.Popen(["sleep", "600"], user=account.uid if account else None)
    yield program.pid
    program.kill()
    program.wait()


def fill(home: Home) -> None:
    with home.connect() as connection, home.redis() as client:
        connection.execute("create table if not exists kept as select 7 as value")
        client.set("kept", 7)


def kept(home: Home) -> tuple[int, bytes]:
    with home.connect() as connection, home.redis() as client:
        return connection.execute("select value from kept").fetchone()[0], client.get("kept")


def start_statement_that_never_looks_up(home: Home) -> psycopg.Connection:
    """Keep a session computing; it will not notice that its master is gone."""
    connection = home.connect()
    connection.pgconn.send_query(b"select count(*) from generate_series(1, 1e12::bigint)")
    # Sent is not yet running.
    with home.connect() as other:
        query = "select 1 from pg_stat_activity where state = 'active' and query like '%1e12%'"
        mine = f"{query} and pid <> pg_backend_pid()"
        assert eventually(lambda: other.execute(mine).fetchone() is not None)
    return connection


def test_a_killed_postgresql_starts_again_with_all_that_was_committed(filled: Home):
    filled.kill_postgres()

    filled.use()

    assert kept(filled) == (7, b"7")


def test_sessions_that_outlive_a_killed_postgresql_do_not_prevent_the_next_start(filled: Home):
    session = start_statement_that_never_looks_up(filled)
    filled.kill_postgres()
    assert locks.is_held(filled.layout.postgres_lock)

    filled.use()

    assert kept(filled) == (7, b"7")
    session.close()


def test_a_killed_session_only_restarts_postgresql_itself(filled: Home):
    master = postgres.postmaster_pid(filled.layout)
    with filled.connect() as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)

    filled.use()

    assert kept(filled) == (7, b"7")
    assert postgres.postmaster_pid(filled.layout) == master


def test_a_killed_valkey_starts_again_with_all_that_was_acknowledged(filled: Home):
    filled.kill_valkey()
    last = sorted(filled.layout.valkey_data.glob("appendonlydir/*.incr.aof"))[-1]
    with last.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhal")

    filled.use()

    assert kept(filled) == (7, b"7")


def test_everything_killed_at_once_starts_again(filled: Home):
    filled.users[0].process.kill()
    filled.kill_valkey()
    filled.kill_postgres()

    last = filled.use()

    assert kept(filled) == (7, b"7")
    last.leave()
    assert filled.running == (False, False)


def test_a_user_that_is_still_there_brings_killed_servers_back(home: Home):
    again = "\nembedded.ensure_for_process(); print('again', flush=True); sys.stdin.read()"
    script = "import sys\nfrom crm_project import embedded\nembedded.ensure_for_process()\n"
    user = home.use(f"{script}print('ready', flush=True); sys.stdin.readline(){again}")
    home.kill_postgres()
    home.kill_valkey()

    user.process.stdin.write("\n")
    user.process.stdin.flush()

    assert user.process.stdout.readline() == "again\n"
    assert home.running == (True, True)


def test_a_pid_file_that_names_a_foreign_process_is_not_believed(filled: Home, stranger: int):
    pid_file = filled.layout.postgres_data / "postmaster.pid"
    socket_lock = filled.layout.sockets / ".s.PGSQL.5432.lock"
    old = pid_file.read_text()
    filled.kill_postgres()
    for path in (pid_file, socket_lock):
        path.write_text(f"{stranger}\n{old.partition(chr(10))[2]}")

    filled.use()

    assert kept(filled) == (7, b"7")
    os.kill(stranger, 0)


def test_a_first_start_that_was_killed_half_way_leaves_no_half_database(new_home: Home):
    half = new_home.path / "postgres.new-dead"
    half.mkdir(parents=True, mode=0o711)
    new_home.path.chmod(0o711)
    (half / "PG_VERSION").write_text("18\n")

    new_home.use()

    assert new_home.running == (True, True)
    assert not half.exists()


def test_a_home_that_is_removed_under_running_servers_begins_anew(new_home: Home):
    new_home.use()
    fill(new_home)
    shutil.rmtree(new_home.path)

    new_home.use()

    with new_home.connect() as connection, new_home.redis() as client:
        assert connection.execute("select to_regclass('kept')").fetchone() == (None,)
        assert client.get("kept") is None
