"""Backups are made, removed, proved by drills and restored, and each of it is on record."""

import os
from dataclasses import replace
from datetime import timedelta
from time import time

import pytest
from django.core.management import CommandError
from django.db import InterfaceError, ProgrammingError
from django.urls import reverse
from django.utils import timezone

from crm_project.backup import catalogue, databases
from crm_project.backup.errors import BackupError, TargetError
from crm_project.backup.folder import FolderTarget
from crm_project.common import backup_setup
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.metrics import JobMetrics
from crm_project.common.models import BackupRun, DrillRun, RefreshState
from crm_project.common.selectors.backups import trust
from crm_project.common.selectors.freshness import report
from crm_project.common.services import backups, restores
from tests.backup.commands import command, facts
from tests.backup.shop import aged, claims_another_row
from tests.factories import RefreshStateFactory

pytestmark = pytest.mark.django_db


def half(place, number):
    """Leave a dump of two days ago whose manifest was never written; return its name."""
    file = place / f"crm-20260331T020000Z-{number}.dump.zst"
    file.write_bytes(b"half")
    os.utime(file, (time() - 2 * 86_400,) * 2)
    return file.name


class TestCreate:
    def test_it_is_in_the_history_and_in_the_ledger(self, in_use):
        run = backups.create_backup()
        assert (run.status, run.rows, run.tables) == ("succeeded", 2101, 2)
        assert BackupRun.objects.get().name == run.name
        assert RefreshState.objects.get(name="backup").rows == 2101

    def test_a_failure_is_in_words_in_the_history(self, in_use, settings):
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, url="file:///not/mounted/backups")
        with pytest.raises(CrmError, match="Is its disk mounted"):
            backups.create_backup()
        assert "Is its disk mounted" in BackupRun.objects.get(status="failed").error
        assert trust().backup.failing

    def test_no_two_at_once(self, in_use):
        with (
            backup_setup.alone(in_use.server, backups.LOCK, ""),
            pytest.raises(ConflictError, match="Another process"),
        ):
            backups.create_backup()
        assert not BackupRun.objects.exists()

    def test_a_run_whose_process_was_killed_does_not_run_for_ever(self, in_use):
        BackupRun.objects.create(started_at=timezone.now())
        backups.create_backup()
        assert BackupRun.objects.get(status="failed").error == "Its process was killed."

    def test_production_without_a_place_says_what_to_set(self, in_use, settings):
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, url="")
        with pytest.raises(CommandError, match="Set CRM_BACKUP_URL"):
            command("create")


class TestPrune:
    def test_the_newest_and_the_proved_one_stay(self, in_use, tmp_path):
        first, second, third = (backups.create_backup().name for _ in range(3))
        first = aged(tmp_path / "backups", first, 40)
        second = aged(tmp_path / "backups", second, 35)
        DrillRun.objects.create(
            backup_name=first,
            status="succeeded",
            started_at=timezone.now(),
            taken_at=timezone.now(),
        )
        assert backups.prune_backups(dry_run=True).removed == [second]
        assert backups.prune_backups().removed == [second]
        left = {entry.name for entry in catalogue.entries(backup_setup.target())}
        assert left == {first, third}
        assert BackupRun.objects.get(name=second).removed_at is not None

    def test_a_damaged_newest_one_is_not_the_last_good_one(self, in_use, tmp_path):
        good, bad = (backups.create_backup().name for _ in range(2))
        good, bad = (aged(tmp_path / "backups", *one) for one in ((good, 70), (bad, 31)))
        (tmp_path / "backups" / f"{bad}.dump.zst").write_bytes(b"cut")
        assert backups.prune_backups().removed == []
        assert catalogue.find(backup_setup.target()).name == good
        newest = backups.create_backup().name
        left = {entry.name for entry in catalogue.entries(backup_setup.target())}
        assert left == {newest}

    def test_what_the_place_keeps_is_said_and_still_counts_as_there(
        self, in_use, monkeypatch, tmp_path
    ):
        first, second = (backups.create_backup().name for _ in range(2))
        first, second = (aged(tmp_path / "backups", *one) for one in ((first, 70), (second, 31)))

        def keeps(target, key):
            raise TargetError("It is locked until tomorrow.")

        with monkeypatch.context() as patch:
            patch.setattr(FolderTarget, "delete", keeps)
            assert f"Not removed: {first}. It is locked until tomorrow." in command("prune")
            assert backups.create_backup().status == "succeeded"
        assert BackupRun.objects.get(name=first).removed_at is None
        assert set(backups.prune_backups().removed) == {first, second}

    def test_an_unfinished_one_that_the_place_keeps_does_not_keep_the_others(
        self, in_use, monkeypatch, tmp_path
    ):
        place = tmp_path / "backups"
        first, _ = (backups.create_backup().name for _ in range(2))
        old = aged(place, first, 31)
        kept, gone = half(place, "0000000a"), half(place, "0000000b")
        delete = FolderTarget.delete

        def deletes(target, key):
            if key == kept:
                raise TargetError("It is locked until tomorrow.")
            delete(target, key)

        monkeypatch.setattr(FolderTarget, "delete", deletes)
        result = backups.prune_backups()
        assert (result.removed, result.halves) == ([old], [gone])
        assert result.refused == {kept: "It is locked until tomorrow."}
        assert f"Not removed: {kept}. It is locked" in command("prune")

    def test_unfinished_uploads_that_may_not_be_listed_do_not_keep_the_others(
        self, in_use, monkeypatch, tmp_path
    ):
        first, _ = (backups.create_backup().name for _ in range(2))
        old = aged(tmp_path / "backups", first, 31)

        def refuses(target, before):
            raise TargetError("AccessDenied.")

        monkeypatch.setattr(FolderTarget, "sweep", refuses)
        result = backups.prune_backups()
        assert result.removed == [old]
        assert result.refused == {"unfinished uploads": "AccessDenied."}

    @pytest.mark.parametrize("days", [-1, 0, 36_501, 10**12])
    def test_days_that_cannot_be_meant_are_refused_and_nothing_goes(
        self, in_use, settings, tmp_path, days
    ):
        old = aged(tmp_path / "backups", backups.create_backup().name, 99)
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, keep_days=days)
        newest = backups.create_backup().name
        for dry_run in (True, False):
            with pytest.raises(CrmError, match=r"no number of days from 1 to 36,500"):
                backups.prune_backups(dry_run=dry_run)
        assert {entry.name for entry in catalogue.entries(backup_setup.target())} == {old, newest}

    def test_within_thirty_days_nothing_goes(self, in_use):
        for _ in range(2):
            backups.create_backup()
        assert backups.prune_backups().removed == []


class TestDrill:
    def test_it_proves_the_newest_backup_and_leaves_no_database(self, in_use, no_migrations):
        backup = backups.create_backup()
        run = restores.drill()
        assert (run.status, run.backup_name, run.differences) == ("succeeded", backup.name, [])
        assert run.restore_seconds > 0
        assert trust().restore.kept
        assert in_use.databases() == [in_use.name]

    def test_what_differs_is_on_record_and_an_error(self, in_use, no_migrations, monkeypatch):
        backups.create_backup()
        find = catalogue.find
        monkeypatch.setattr(catalogue, "find", lambda *args: claims_another_row(find(*args)))
        with pytest.raises(CrmError, match="2,001 rows, not 2,002"):
            restores.drill()
        run = DrillRun.objects.get()
        assert (run.status, len(run.differences)) == ("failed", 1)
        assert in_use.databases() == [in_use.name]

    def test_a_damaged_backup_turns_the_page_red(
        self, in_use, no_migrations, tmp_path, admin_client
    ):
        run = backups.create_backup()
        file = tmp_path / "backups" / f"{run.name}.dump.zst"
        data = bytearray(file.read_bytes())
        data[-30] ^= 1
        file.write_bytes(data)
        with pytest.raises(CommandError, match="The file is damaged"):
            command("drill")
        with pytest.raises(CommandError, match=f"Of no use: {run.name}"):
            command("verify")
        text = admin_client.get(reverse("admin:common_drillrun_changelist")).content.decode()
        assert "the last attempt failed. The file is damaged" in text
        assert "crm-bad" in text

    def test_a_newest_backup_that_was_cut_off_is_not_passed_over_for_an_older_one(
        self, in_use, no_migrations, tmp_path
    ):
        older, newest = backups.create_backup(), backups.create_backup()
        file = tmp_path / "backups" / f"{newest.name}.dump.zst"
        if older.name > newest.name:  # of one second
            file = tmp_path / "backups" / f"{older.name}.dump.zst"
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(CommandError, match=r"cannot be used\. Its file has 1,000 bytes, not"):
            command("drill")
        assert trust().restore.failing
        assert restores.restore_backup(into=f"{in_use.name}_other").database
        (tmp_path / "backups" / f"{older.name}.dump.zst").unlink()
        (tmp_path / "backups" / f"{newest.name}.dump.zst").unlink()
        with pytest.raises(CommandError, match=r"Of the 2 backups in .* none can be used"):
            command("restore", "--force")

    def test_a_good_drill_of_an_old_backup_hides_no_failure_of_the_newest(
        self, in_use, no_migrations, tmp_path
    ):
        yesterday = timezone.now() - timedelta(hours=30)
        RefreshStateFactory(name="backup drill", started_at=yesterday, finished_at=yesterday)
        place = tmp_path / "backups"
        old, newest = (backups.create_backup().name for _ in range(2))
        old = aged(place, old, 20)
        (place / f"{newest}.dump.zst").write_bytes(b"cut")
        with pytest.raises(CrmError, match="cannot be used"):
            restores.drill()
        assert restores.drill(name=old).status == "succeeded"
        found = trust().restore
        assert (found.kept, found.failing, found.at) == (False, True, None)
        told = {one.name: one.samples[0].value for one in JobMetrics().collect()}
        assert told["crm_backup_last_verified_restore_timestamp_seconds"] == 0
        assert told["crm_backup_drill_failing"] == 1
        (number,) = (row for row in report() if row.number.step == "backup drill")
        assert number.failing

        catalogue.remove(backup_setup.target(), newest)
        backups.create_backup()
        restores.drill()
        found = trust().restore
        assert (found.kept, found.failing) == (True, False)
        (number,) = (row for row in report() if row.number.step == "backup drill")
        assert number.state == "fresh"

    def test_a_scratch_database_of_a_killed_drill_is_dropped(self, in_use, no_migrations):
        backups.create_backup()
        left = f"{in_use.name}_drill_00000000"
        with in_use.server.own_database().connect(autocommit=True) as session:
            session.execute(f"create database {left}")
        restores.drill()
        assert in_use.databases() == [in_use.name]


class TestRestore:
    def test_a_database_with_data_is_not_overwritten(self, in_use):
        backups.create_backup()
        with pytest.raises(CommandError, match=r"is not empty. With --force"):
            command("restore")
        with pytest.raises(CommandError, match="There is a database"):
            command("restore", "--into", in_use.name)

    def test_force_brings_it_back_and_keeps_what_was_there(self, in_use):
        backups.create_backup()
        in_use.run("drop table gone; delete from customers")
        result = restores.restore_backup(force=True)
        assert in_use.run("select count(*) from customers") == [(2001,)]
        assert in_use.databases() == [in_use.name, result.aside]
        with in_use.server.at(result.aside).connect() as session:
            assert session.execute("select count(*) from customers").fetchone() == (0,)

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (TargetError("The bucket cannot be reached."), "The bucket cannot be reached."),
            (ProgrammingError('column "rows" does not exist\nLINE 1: …'), 'column "rows" does not'),
            (InterfaceError("connection already closed"), "connection already closed"),
        ],
    )
    def test_once_it_is_in_place_a_history_that_cannot_be_written_is_told_and_no_failure(
        self, in_use, monkeypatch, error, words
    ):
        backups.create_backup()
        in_use.run("delete from customers")

        def raises(target):
            raise error

        monkeypatch.setattr(restores, "note_what_is_there", raises)
        told = command("restore", "--force")
        (aside,) = set(in_use.databases()) - {in_use.name}
        assert f"kept as {aside};" in told
        assert f"stays as it was when this one was made. {words}" in told
        assert "LINE 1" not in told
        assert in_use.run("select count(*) from customers") == [(2001,)]

    def test_so_is_an_empty_database_that_cannot_be_dropped(self, in_use, monkeypatch):
        backups.create_backup()
        other, drop = f"{in_use.name}_other", databases.drop_database

        def drops(server, name):
            if f"_{restores.BEFORE}_" in name:
                raise BackupError("It cannot be dropped: must be owner.")
            drop(server, name)

        monkeypatch.setattr(databases, "drop_database", drops)
        (note,) = facts("restore", "--into", other)["notes"]
        assert note.endswith(" stays. It cannot be dropped: must be owner.")
        assert other in in_use.databases()

    def test_into_another_database_touches_nothing(self, in_use):
        backups.create_backup()
        in_use.run("delete from gone")
        other = f"{in_use.name}_other"
        assert facts("restore", "--into", other)["rows"] == 2101
        assert in_use.run("select count(*) from gone") == [(0,)]
        assert other in in_use.databases()
