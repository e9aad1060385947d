"""History, retention, drills and restores, and the ways in to them."""

import importlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from celery import current_app
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from crm_project.backup import catalogue
from crm_project.backup.errors import TargetError
from crm_project.backup.folder import FolderTarget
from crm_project.common import backup_setup, metrics, tasks
from crm_project.common.admin import backups as admin_pages
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import BackupRun, DrillRun, Job, RefreshState
from crm_project.common.selectors.backups import log_archive, seen_archive, trust
from crm_project.common.services import backups, restores
from tests.backup.shop import claims_another_row

pytestmark = pytest.mark.django_db


def command(*arguments):
    out = StringIO()
    call_command("backup", *arguments, stdout=out)
    return out.getvalue()


def facts(*arguments):
    return json.loads(command(*arguments, "--json"))


@pytest.fixture
def no_migrations(monkeypatch):
    """The shop has none of our migrations; what that says is tested by itself."""
    monkeypatch.setattr(restores, "compare_migrations", lambda server: ([], []))


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
    def test_the_newest_and_the_proved_one_stay(self, in_use, settings):
        first, second, third = (backups.create_backup().name for _ in range(3))
        DrillRun.objects.create(
            backup_name=first,
            status="succeeded",
            started_at=timezone.now(),
            taken_at=timezone.now(),
        )
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, keep_days=0)
        assert backups.prune_backups(dry_run=True).removed == [second]
        assert backups.prune_backups().removed == [second]
        left = {entry.name for entry in catalogue.entries(backup_setup.target())}
        assert left == {first, third}
        assert BackupRun.objects.get(name=second).removed_at is not None

    def test_a_damaged_newest_one_is_not_the_last_good_one(self, in_use, settings, tmp_path):
        good, bad = (backups.create_backup() for _ in range(2))
        (tmp_path / "backups" / f"{bad.name}.dump.zst").write_bytes(b"cut")
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, keep_days=0)
        assert backups.prune_backups().removed == []
        assert catalogue.find(backup_setup.target()).name == good.name
        newest = backups.create_backup().name
        left = {entry.name for entry in catalogue.entries(backup_setup.target())}
        assert left == {newest}

    def test_what_the_place_keeps_is_said_and_still_counts_as_there(
        self, in_use, settings, monkeypatch
    ):
        first, second = (backups.create_backup().name for _ in range(2))
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, keep_days=0)

        def keeps(target, key):
            raise TargetError("It is locked until tomorrow.")

        with monkeypatch.context() as patch:
            patch.setattr(FolderTarget, "delete", keeps)
            assert f"Not removed: {first}. It is locked until tomorrow." in command("prune")
            assert backups.create_backup().status == "succeeded"
        assert BackupRun.objects.get(name=first).removed_at is None
        assert set(backups.prune_backups().removed) == {first, second}

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

    def test_into_another_database_touches_nothing(self, in_use):
        backups.create_backup()
        in_use.run("delete from gone")
        other = f"{in_use.name}_other"
        assert facts("restore", "--into", other)["rows"] == 2101
        assert in_use.run("select count(*) from gone") == [(0,)]
        assert other in in_use.databases()


class TestCommand:
    def test_create_list_verify_and_drill_in_words(self, in_use, no_migrations):
        said = command("create")
        assert "2,101 rows of 2 tables" in said
        assert "not encrypted" in said
        name = facts("list")[0]["name"]
        assert f"{name}: as it was written" in command("verify", "--all")
        said = command("drill")
        assert "restored in" in said
        assert "All equal: rows, checksums, sequences, objects, migrations." in said
        assert facts("list")[0]["verified_restore_at"]
        assert "0 backups would be removed." in command("prune", "--dry-run")

    def test_a_key_is_made(self):
        made = facts("key")
        assert made["secret"].startswith("AGE-SECRET-KEY-1")
        assert made["public"] in command("key") or made["public"].startswith("age1")


class TestPages:
    @pytest.mark.parametrize("model", ["backuprun", "drillrun"])
    def test_starting_one_needs_its_own_right(self, client, staff_user, model):
        action = {"backuprun": "back_up_now", "drillrun": "drill_now"}[model]
        page = reverse(f"admin:common_{model}_changelist")
        for codename in (f"view_{model}",):
            staff_user.user_permissions.add(Permission.objects.get(codename=codename))
        client.force_login(staff_user)
        text = client.get(page).content.decode()
        assert "never" in text
        assert "crm-bad" in text
        assert reverse(f"admin:common_{model}_{action}") not in text
        staff_user.user_permissions.add(Permission.objects.get(codename=f"add_{model}"))
        assert reverse(f"admin:common_{model}_{action}") in client.get(page).content.decode()

    @pytest.mark.parametrize("model", ["backuprun", "drillrun"])
    def test_where_no_place_is_set_there_is_nothing_to_start(self, admin_client, settings, model):
        action = {"backuprun": "back_up_now", "drillrun": "drill_now"}[model]
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, url="")
        page = admin_client.get(reverse(f"admin:common_{model}_changelist"))
        assert reverse(f"admin:common_{model}_{action}") not in page.content.decode()
        url = reverse(f"admin:common_{model}_{action}")
        assert admin_client.post(url, {"_form_data": "1"}).status_code == 403
        assert not Job.objects.exists()

    def test_a_run_and_a_drill_open(self, admin_client):
        now = timezone.now()
        run = BackupRun.objects.create(name="b", started_at=now, finished_at=now, file_bytes=5_000)
        drill = DrillRun.objects.create(started_at=now, differences=["<Table>"], notes=[])
        page = admin_client.get(reverse("admin:common_backuprun_change", args=[run.pk]))
        assert "4.9 KiB" in page.content.decode()
        page = admin_client.get(reverse("admin:common_drillrun_change", args=[drill.pk]))
        assert "&lt;Table&gt;" in page.content.decode()

    def test_old_promises_are_broken_ones(self):
        old = timezone.now() - timedelta(hours=27)
        BackupRun.objects.create(
            name="b", started_at=old, taken_at=old, finished_at=old, status="succeeded"
        )
        assert not trust().backup.kept
        BackupRun.objects.update(taken_at=timezone.now() - timedelta(hours=25))
        assert trust().backup.kept


class TestLogArchive:
    def test_a_server_that_sends_no_log_away_is_not_spoken_of(self, admin_client):
        assert log_archive() is None
        page = admin_client.get(reverse("admin:common_backuprun_changelist"))
        assert "Log archived" not in page.content.decode()

    @pytest.mark.parametrize(
        ("archived", "failed", "failing"),
        [(None, None, False), (None, 1, True), (2, 1, False), (1, 2, True), (1, None, False)],
    )
    def test_it_fails_when_the_last_attempt_did(
        self, monkeypatch, client, admin_client, settings, archived, failed, failing
    ):
        at = [timezone.now() - timedelta(minutes=9 - m) if m else None for m in (archived, failed)]
        found = seen_archive(*at)
        assert found.failing is failing
        for module in (metrics, admin_pages):
            monkeypatch.setattr(module, "log_archive", lambda: found)
        settings.CRM_METRICS_TOKEN = "right"
        text = client.get("/metrics", headers={"authorization": "Bearer right"}).content.decode()
        assert f"crm_wal_archive_failing {float(failing)}" in text
        page = admin_client.get(reverse("admin:common_backuprun_changelist")).content.decode()
        assert "Log archived" in page
        assert (">fails<" in page) is failing


@pytest.mark.parametrize(
    ("hours", "tone", "words"),
    [(25, "crm-good", "as promised"), (27, "crm-bad", "older than 26 h")],
)
def test_the_page_turns_red_when_the_last_proof_is_older_than_promised(
    admin_client, hours, tone, words
):
    now, at = timezone.now(), timezone.now() - timedelta(hours=hours)
    BackupRun.objects.create(
        name="b", started_at=now, taken_at=now, finished_at=now, status="succeeded"
    )
    DrillRun.objects.create(
        backup_name="b", started_at=at, taken_at=at, finished_at=at, status="succeeded"
    )
    text = admin_client.get(reverse("admin:common_drillrun_changelist")).content.decode()
    chips = re.findall(r'class="crm-chip (crm-\w+)">([^<]+)<', text)
    assert chips == [("crm-good", "as promised"), (tone, words)]


def test_prometheus_reads_when_a_restore_was_last_verified(client, settings):
    settings.CRM_METRICS_TOKEN = "right"
    now = timezone.now()
    DrillRun.objects.create(started_at=now, finished_at=now, status="succeeded")
    text = client.get("/metrics", headers={"authorization": "Bearer right"}).content.decode()
    found = dict(line.split() for line in text.splitlines() if line.startswith("crm_backup_"))
    at = float(found["crm_backup_last_verified_restore_timestamp_seconds"])
    assert at == pytest.approx(now.timestamp(), abs=0.01)
    assert found["crm_backup_last_success_timestamp_seconds"] == "0.0"
    assert found["crm_backup_drill_failing"] == "0.0"


def test_the_nights_work_is_scheduled_and_done_as_jobs(in_use, no_migrations):
    migration = importlib.import_module("crm_project.common.migrations.0007_backup_schedules")
    migration.install(apps, None)
    current_app.loader.import_default_modules()
    names = PeriodicTask.objects.filter(name__in=migration.CRONTABS).values_list("task", flat=True)
    assert len(names) == 2
    assert set(names) <= set(current_app.tasks)

    tasks.backup_nightly()
    tasks.drill_nightly()
    for job in Job.objects.order_by("created_at"):
        tasks.run_job(str(job.pk))
    assert set(Job.objects.values_list("status", flat=True)) == {"succeeded"}
    assert DrillRun.objects.get().status == "succeeded"


def test_where_a_cluster_makes_backups_the_schedules_make_none(settings):
    settings.CRM_BACKUP = replace(settings.CRM_BACKUP, by_beat=False)
    tasks.backup_nightly()
    tasks.drill_nightly()
    assert not Job.objects.exists()
