"""What happens rarely: forged manifests, wrong clocks, odd names, lost histories, killed work."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError
from django.db import ProgrammingError
from django.utils import timezone
from psycopg import sql

from crm_project.backup import catalogue, databases, manifest
from crm_project.backup.errors import BackupError
from crm_project.backup.folder import FolderTarget
from crm_project.backup.manifest import FORMAT, SUFFIX, moment_of
from crm_project.backup.retention import expired
from crm_project.common import backup_setup
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.management.commands import backup as backup_command
from crm_project.common.models import BackupRun, DrillRun
from crm_project.common.selectors import backups as selectors
from crm_project.common.selectors.backups import trust
from crm_project.common.services import backups, restores
from crm_project.embedded.layout import PROJECT_ROOT as ROOT
from tests.backup.commands import command
from tests.backup.shop import Shop, names
from tests.backup.test_rules import NOW, Copy, copies

NAME = "shop-20260331T020000Z-0a1b2c3d"


def forged(folder, made, **changes):
    """Put a manifest beside a real one, with a seal of its own, as who knows this program would."""
    body = json.loads(made.to_bytes())
    del body["seal"]
    body |= {"name": NAME, "file": f"{NAME}.dump.zst"} | changes
    (folder / f"{NAME}{SUFFIX}").write_text(json.dumps({**body, "seal": manifest._seal(body)}))


class TestHostilePlaces:
    @pytest.mark.parametrize(
        "changes",
        [
            {"file": "../precious"},
            {"file": "/etc/passwd"},
            {"file": f"{NAME}.json"},
            {"created_at": "2026-03-31T02:00:00"},
            {"created_at": 7},
            {"format": FORMAT, "more": 1},
        ],
    )
    def test_a_manifest_may_name_nothing_but_its_own(self, shop, folder, tmp_path, changes):
        made = shop.back_up(folder)
        forged(tmp_path / "backups", made, **changes)
        problems = {entry.name: entry.problem for entry in catalogue.entries(folder)}
        assert problems[made.name] == ""
        assert "damaged" in problems[NAME]

    def test_a_backup_cannot_claim_the_file_of_another(self, shop, folder, tmp_path):
        made = shop.back_up(folder)
        forged(tmp_path / "backups", made, file=made.file)
        assert catalogue.find(folder).name == made.name
        catalogue.remove(folder, NAME)
        assert names(folder) == [made.name]

    @pytest.mark.parametrize("text", ["[" * 100_000, "\udcff", "null", "[]", "", "9" * 9_999])
    def test_whatever_lies_there_is_one_damaged_backup_and_no_more(
        self, shop, folder, tmp_path, text
    ):
        made = shop.back_up(folder)
        path = tmp_path / "backups" / f"{NAME}{SUFFIX}"
        path.write_bytes(text.encode(errors="surrogateescape"))
        (tmp_path / "backups" / "a name\nof two lines.json").write_text("{}")
        (tmp_path / "backups" / "folder.json").mkdir()
        (tmp_path / "backups" / f"{NAME}4.json").symlink_to("nowhere")
        assert catalogue.find(folder).name == made.name
        assert names(folder) in ([made.name, NAME], [NAME, made.name])

    def test_what_is_larger_than_any_manifest_is_not_read(
        self, shop, folder, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(catalogue, "MOST_BYTES", 10_000)
        made = shop.back_up(folder)
        with (tmp_path / "backups" / f"{NAME}{SUFFIX}").open("wb") as file:
            file.truncate(10_001)
        problems = {entry.name: entry.problem for entry in catalogue.entries(folder)}
        assert problems == {
            made.name: "",
            NAME: f"The manifest {NAME}.json is too large to be one.",
        }

    def test_what_retention_takes_away_during_a_look_was_not_there(self, shop, folder, monkeypatch):
        kept, gone = shop.back_up(folder), shop.back_up(folder)
        read = FolderTarget.read

        def reads(target, key):
            (target._folder / gone.key).unlink(missing_ok=True)
            return read(target, key)

        monkeypatch.setattr(FolderTarget, "read", reads)
        assert catalogue.find(folder).name == kept.name


class TestClocks:
    def test_a_clock_that_jumps_ahead_removes_nothing(self):
        year_later = NOW + timedelta(days=365)
        assert expired(copies(0, 1, 2, 29), now=year_later, keep_days=30) == []

    def test_without_new_backups_the_old_ones_stay(self):
        assert expired(copies(40, 41, 69, 71), now=NOW, keep_days=30) == ["b3"]

    def test_one_that_is_dated_into_the_future_does_not_push_the_others_out(self):
        made = [*copies(0, 1, 29, 31), Copy("ahead", NOW + timedelta(days=365))]
        assert expired(made, now=NOW, keep_days=30) == ["b3"]
        assert expired(made[-1:], now=NOW, keep_days=30) == []

    def test_a_name_tells_its_moment(self):
        assert moment_of(NAME) == datetime(2026, 3, 31, 2, tzinfo=UTC)
        assert moment_of("shop-20261331T020000Z-0a1b2c3d") is None
        assert moment_of("nonsense") is None

    def test_the_newest_is_never_one_of_a_time_to_come(self, shop, folder, tmp_path):
        made = shop.back_up(folder)
        ahead = datetime.now(UTC) + timedelta(days=400)
        body = replace(made, name=f"shop-{ahead:%Y%m%dT%H%M%SZ}-00000000", created_at=ahead)
        body = replace(body, file=f"{body.name}.dump.zst")
        (tmp_path / "backups" / body.file).write_bytes(
            (tmp_path / "backups" / made.file).read_bytes()
        )
        (tmp_path / "backups" / body.key).write_bytes(body.to_bytes())
        assert catalogue.find(folder).name == made.name
        assert catalogue.find(folder, body.name).name == body.name
        catalogue.remove(folder, made.name)
        assert catalogue.find(folder).name == body.name

    @pytest.mark.django_db
    def test_what_a_wrong_clock_dated_does_not_keep_the_page_green(self):
        ahead = timezone.now() + timedelta(days=400)
        BackupRun.objects.create(status="succeeded", started_at=ahead, taken_at=ahead, name="a")
        drill = DrillRun(status="succeeded", started_at=ahead, finished_at=ahead, taken_at=ahead)
        drill.save()
        assert not trust().backup.kept
        assert not trust().restore.kept


@pytest.mark.django_db
def test_of_damaged_manifests_past_retention_nothing_stays(in_use, tmp_path):
    good = backups.create_backup()
    place = tmp_path / "backups"
    (place / f"{NAME}{SUFFIX}").write_text("{")
    (place / f"{NAME}.dump.zst.age").write_text("half")
    today = f"crm-{timezone.now():%Y%m%dT%H%M%SZ}-00000000"
    (place / f"{today}{SUFFIX}").write_text("{")
    assert backups.prune_backups().removed == [NAME]
    assert {file.name.partition(".")[0] for file in place.iterdir()} == {good.name, today}


class TestOtherServers:
    def test_another_version_of_an_extension_is_a_note_and_a_missing_one_a_difference(
        self, shop, folder
    ):
        made = shop.back_up(folder)
        before = replace(made, versions={**made.versions, "vector": "0.0.1", "earthdistance": "1"})
        found = shop.restore(folder, before)
        assert found.differences == ["Extension earthdistance is missing."]
        (note,) = found.notes
        assert re.fullmatch(r"Extension vector is \S+ here, and was 0.0.1 in the backup.", note)

    def test_programs_reach_the_server_as_our_own_sessions_do(self, shop, monkeypatch):
        monkeypatch.setenv("PGSSLMODE", "verify-full")
        monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1")
        monkeypatch.setenv("CRM_BACKUP_KEY", "secret")
        seen = shop.server.environment()
        assert seen["PGSSLMODE"] == "verify-full"
        assert "statement_timeout=0" in seen["PGOPTIONS"]
        assert "CRM_BACKUP_KEY" not in seen


@pytest.fixture(params=['crm (shop) "x" [a', "größe" * 9, "x" * 50])
def odd_shop(request):
    made = Shop(request.param)
    yield made
    made.remove()


def test_a_database_may_have_any_name(odd_shop, folder):
    left = left_by_a_killed_one(odd_shop, "drill")
    assert databases.left_over(odd_shop.server, "drill") == [left]
    made = odd_shop.back_up(folder)
    assert odd_shop.restore(folder, made).differences == []


def left_by_a_killed_one(shop, purpose):
    name = databases.new_name(shop.name, purpose)
    with shop.server.own_database().connect(autocommit=True) as session:
        session.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return name


@pytest.mark.django_db
class TestRestores:
    def test_what_a_killed_restore_left_is_dropped_by_the_next(self, in_use):
        backups.create_backup()
        left_by_a_killed_one(in_use, "restore")
        other = f"{in_use.name}_other"
        restores.restore_backup(into=other)
        assert in_use.databases() == [in_use.name, other]

    def test_no_two_at_once(self, in_use):
        backups.create_backup()
        held = backup_setup.alone(in_use.server.own_database(), restores.RESTORE_LOCK, "")
        with held, pytest.raises(ConflictError, match="Another restore"):
            restores.restore_backup(force=True)

    def test_databases_that_cannot_be_exchanged_stay_as_they_were(self, in_use, monkeypatch):
        backups.create_backup()

        def refuses(server, fresh, *, aside):
            raise BackupError("The databases cannot be exchanged: somebody is there")

        monkeypatch.setattr(databases, "swap", refuses)
        with pytest.raises(CrmError, match="cannot be exchanged"):
            restores.restore_backup(force=True)
        assert in_use.databases() == [in_use.name]

    def test_a_scratch_database_that_cannot_be_dropped_stops_no_drill(
        self, in_use, no_migrations, monkeypatch
    ):
        backups.create_backup()
        left = left_by_a_killed_one(in_use, "drill")
        drop = databases.drop_database

        def drops(server, name):
            if name == left:
                raise BackupError("must be owner")
            drop(server, name)

        with monkeypatch.context() as patch:
            patch.setattr(databases, "drop_database", drops)
            assert restores.drill().status == "succeeded"


@pytest.mark.django_db
class TestLostHistory:
    """Who needs backups most has lost the database with their history."""

    @pytest.fixture(autouse=True)
    def _lost(self, in_use, monkeypatch):
        self.made = backups.create_backup().name

        def gone():
            raise ProgrammingError('relation "common_drillrun" does not exist')

        monkeypatch.setattr(selectors, "_newest_drills", gone)

    def test_the_list_is_read_from_the_place_alone(self):
        assert self.made in command("list")

    def test_what_needs_the_history_says_so(self, monkeypatch):
        def gone(self, **options):
            raise ProgrammingError('relation "common_backuprun" does not exist\nLINE 1')

        monkeypatch.setattr(BackupRun, "save", gone)
        with pytest.raises(CommandError, match=r"does not exist Where the database is new or lost"):
            command("create")


ENDED = """
import json, os, signal, sys
from pathlib import Path
from crm_project.backup.folder import FolderTarget
from crm_project.backup.making import make
from crm_project.backup.packing import Keys
from crm_project.backup.server import Programs, Server
from crm_project.embedded import end_cleanly_on_signals

def told(done, total, words):
    os.kill(os.getpid(), signal.SIGTERM)

end_cleanly_on_signals()
server, folder, programs, version = json.loads(sys.argv[1])
make(server=Server(*server), target=FolderTarget(folder), keys=Keys(), prefix="shop",
     programs=Programs(Path(programs), version), expected_bytes=1000, told=told)
"""


def test_a_pod_that_is_moved_leaves_nothing_half(shop, folder, tmp_path):
    server = [shop.server.database, dict(shop.server.parameters), shop.server.password]
    programs = [str(shop.programs.folder), shop.programs.version]
    arguments = json.dumps([server, str(tmp_path / "backups"), *programs])
    ended = subprocess.run([sys.executable, "-c", ENDED, arguments], check=False, cwd=ROOT)
    assert ended.returncode == 128 + signal.SIGTERM
    assert list((tmp_path / "backups").iterdir()) == []


def test_the_command_ends_cleanly_whatever_server_it_works_on(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(backup_command, "end_cleanly_on_signals", lambda: asked.append(True))
    backup_command.Command().run_from_argv(["manage.py", "backup", "key"])
    assert asked == [True]
    assert "CRM_BACKUP_KEY=" in capsys.readouterr().out
