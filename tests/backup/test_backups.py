"""A backup is whole or not there, and what comes back is what was there at one moment."""

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from crm_project.backup import catalogue, contents, server
from crm_project.backup.errors import BackupError, DamagedError, TargetError, TargetFullError
from crm_project.backup.folder import FolderTarget
from crm_project.backup.packing import Keys, new_key
from crm_project.backup.server import Programs
from crm_project.embedded.layout import PROJECT_ROOT as ROOT
from tests.backup.shop import NAME, claims_another_row, names

ROWS = 2101


def test_what_comes_back_is_what_was_there(shop, folder, tmp_path):
    keys = Keys(new_key()[0])
    manifest = shop.back_up(folder, keys)
    found = shop.restore(folder, manifest, keys)

    assert (found.differences, found.rows, found.tables) == ([], ROWS, 2)
    assert names(folder) == [manifest.name]
    file = (tmp_path / "backups" / manifest.file).read_bytes()
    assert file.startswith(b"age-encryption.org")
    assert manifest.versions["vector"]
    with shop.server.at(found.database).connect() as session:
        assert session.execute("select double(21), n from contract.totals").fetchone() == (42, 2001)
        assert session.execute("select id from customers where name = %s", [NAME]).fetchone()


def test_dump_and_counts_are_of_one_moment_while_others_write(shop, folder):
    stop = threading.Event()

    def write():
        with psycopg.connect(shop.server.conninfo(), autocommit=True) as session:
            while not stop.is_set():
                session.execute("insert into customers (name) values ('x')")
                session.execute("delete from gone where id = (select min(id) from gone)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = shop.back_up(folder)
    finally:
        stop.set()
        writer.join()
    assert shop.restore(folder, manifest).differences == []


def test_a_damaged_file_is_refused_and_leaves_no_database(shop, folder, tmp_path):
    manifest = shop.back_up(folder)
    file = tmp_path / "backups" / manifest.file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(DamagedError, match="The file is damaged: its SHA-256 is"):
        shop.restore(folder, manifest)
    assert shop.databases() == [shop.name]


def test_a_backup_that_holds_less_than_it_says_is_found_out(shop, folder):
    manifest = claims_another_row(shop.back_up(folder))
    found = shop.restore(folder, manifest)
    assert found.differences == ["Table public.customers has 2,001 rows, not 2,002."]


def test_a_file_of_another_size_or_none_is_seen_in_the_list(shop, folder, tmp_path):
    manifest = shop.back_up(folder)
    file = tmp_path / "backups" / manifest.file
    file.write_bytes(file.read_bytes()[:-1])
    assert "bytes, not" in catalogue.entries(folder)[0].problem
    file.unlink()
    assert catalogue.entries(folder)[0].problem == "Its file is gone."
    with pytest.raises(BackupError, match=r"none can be used.*Its file is gone"):
        catalogue.find(folder)


def test_a_disk_without_room_is_seen_before_anything_is_written(shop, small_disk):
    target = FolderTarget(small_disk(64))
    with pytest.raises(TargetFullError, match=r"not enough room .* Nothing was written"):
        shop.back_up(target, expected_bytes=10_000_000)
    assert target.stored() == {}


def test_a_disk_that_fills_up_leaves_no_half_backup(shop, small_disk):
    place = small_disk(16)
    with pytest.raises(TargetFullError, match="There is no room left in the folder"):
        shop.back_up(FolderTarget(place))
    assert list(place.iterdir()) == []


def test_a_dump_that_fails_leaves_no_half_backup(shop, folder, tmp_path):
    broken = tmp_path / "bin" / "pg_dump"
    broken.parent.mkdir()
    broken.write_text(
        "#!/bin/sh\nhead -c 100000 /dev/zero\necho 'pg_dump: error: no' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    shop.programs = Programs(broken.parent, "18.6")

    with pytest.raises(BackupError, match="The dump failed: no"):
        shop.back_up(folder)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_work_that_is_cancelled_leaves_no_half_backup(shop, folder, tmp_path):
    def cancel(done, total, words):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.back_up(folder, told=cancel)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_manifest_that_cannot_be_written_is_told_also_where_the_dump_cannot_be_removed(
    shop, folder, monkeypatch
):
    start = FolderTarget.start

    def starts(target, key):
        if key.endswith(".json"):
            raise TargetFullError("There is no room left.")
        return start(target, key)

    def locked(target, key):
        raise TargetError("It is locked until tomorrow.")

    monkeypatch.setattr(FolderTarget, "start", starts)
    monkeypatch.setattr(FolderTarget, "delete", locked)
    with pytest.raises(TargetFullError, match="There is no room left"):
        shop.back_up(folder)
    assert names(folder) == []


def test_an_older_pg_dump_is_refused_with_what_to_install(shop, folder):
    shop.programs = Programs(Path("/usr/bin"), "15.18")
    with pytest.raises(BackupError, match="Install postgresql-client-18"):
        shop.back_up(folder)


def test_unpacking_where_there_is_no_room_is_said(shop, folder, small_disk):
    manifest = shop.back_up(folder)
    with pytest.raises(BackupError, match="CRM_BACKUP_WORK_DIR may name another folder"):
        shop.restore(folder, manifest, work_folder=str(small_disk(16)))


class CancelledError(Exception):
    """Somebody does not want it any more."""


def test_a_restore_that_is_cancelled_ends_at_once_and_leaves_no_database(shop, folder, monkeypatch):
    shop.run("create table long as select n, md5(n::text) from generate_series(1, 300000) as n")
    manifest = shop.back_up(folder)
    monkeypatch.setattr(server, "WATCH_SECONDS", 0.02)
    watched = []

    def told(done, total, words):
        watched.append(words)
        if words.startswith("Restoring") and len(watched) > 3:
            raise CancelledError

    with pytest.raises(CancelledError):
        shop.restore(folder, manifest, told=told)
    assert not any(words.startswith("Comparing") for words in watched)
    assert shop.databases() == [shop.name]


def test_a_backup_that_is_cancelled_while_rows_are_counted_leaves_nothing(
    shop, folder, monkeypatch
):
    began = threading.Event()

    def slow(connection):
        began.set()
        connection.execute("select pg_sleep(300)")

    def told(done, total, words):
        if words == "Counting rows" and began.is_set():
            raise CancelledError

    monkeypatch.setattr(contents, "measure", slow)
    with pytest.raises(CancelledError):
        shop.back_up(folder, told=told)
    assert folder.stored() == {}


KILLED = """
import json, os, signal, sys
from pathlib import Path
from crm_project.backup.folder import FolderTarget
from crm_project.backup.making import make
from crm_project.backup.packing import Keys
from crm_project.backup.server import Programs, Server

def told(done, total, words):
    os.kill(os.getpid(), signal.SIGKILL)

server, folder, programs, version = json.loads(sys.argv[1])
make(server=Server(*server), target=FolderTarget(folder), keys=Keys(), prefix="shop",
     programs=Programs(Path(programs), version), expected_bytes=1000, told=told)
"""


def test_a_process_that_is_killed_leaves_a_half_that_nobody_sees_and_a_sweep_removes(
    shop, folder, tmp_path
):
    server = [shop.server.database, dict(shop.server.parameters), shop.server.password]
    programs = [str(shop.programs.folder), shop.programs.version]
    arguments = json.dumps([server, str(tmp_path / "backups"), *programs])
    ended = subprocess.run([sys.executable, "-c", KILLED, arguments], check=False, cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL

    (half,) = (tmp_path / "backups").iterdir()
    assert half.name.startswith(".half-")
    assert names(folder) == []
    assert catalogue.sweep(folder, datetime.now(UTC)).gone == []
    assert catalogue.sweep(folder, datetime.now(UTC) + timedelta(days=2)).gone == [half.name]

    manifest = shop.back_up(folder)
    assert shop.restore(folder, manifest).differences == []
