"""What the drill of the log's archive says when it cannot begin, and what it keeps of kills.

The drill itself needs barman-cloud: tests/proofs/test_log_drill.py.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from crm_project.backup.errors import BackupError
from crm_project.backup.log_archive import Archive
from crm_project.backup.scratch import scratch
from crm_project.common.admin import backups as admin_pages
from crm_project.common.models import DrillRun
from crm_project.common.selectors.backups import LogArchive, newest_drills, trust
from crm_project.common.services import log_drills
from crm_project.common.services.operations import recorded
from tests.waiting import wait_until


def archive(folder, answer, code=0):
    """Return an archive whose programs are scripts that say one thing."""
    program = folder / "barman-cloud-backup-list"
    (folder / "answer").write_text(answer)
    program.write_text(
        f"#!/bin/sh\ncat {folder}/answer\necho 'ERROR: no such bucket' >&2\nexit {code}\n"
    )
    program.chmod(0o755)
    return Archive("s3://bucket/pitr", programs=str(folder), endpoint="http://h")


def base(name, status, ended):
    return {"backup_id": name, "status": status, "end_time_iso": ended, "size": 7}


class TestArchive:
    def test_the_newest_whole_base_backup_is_taken(self, tmp_path):
        listed = [
            base("a", "DONE", "2026-03-01T02:00:00+00:00"),
            base("b", "DONE", "2026-03-02T02:00:00+00:00"),
            base("c", "FAILED", "2026-03-03T02:00:00+00:00"),
        ]
        found = archive(tmp_path, json.dumps({"backups_list": listed})).newest(None)
        assert (found.id, found.ended, found.size) == ("b", datetime(2026, 3, 2, 2, tzinfo=UTC), 7)

    @pytest.mark.parametrize(
        ("answer", "code", "words"),
        [
            ('{"backups_list": []}', 0, "There is no base backup in s3://bucket/pitr"),
            ("nonsense", 0, "says what is not understood"),
            ('{"backups_list": [{}]}', 0, "says what is not understood"),
            ("", 1, "barman-cloud-backup-list failed: ERROR: no such bucket"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path, answer, code, words):
        with pytest.raises(BackupError, match=words):
            archive(tmp_path, answer, code).newest(None)

    def test_without_barman_it_says_what_to_install(self):
        with pytest.raises(BackupError, match="Install barman-cloud, or name its folder"):
            Archive("s3://b/p", programs="/nowhere").newest(None)

    def test_its_command_survives_the_settings_file(self):
        command = Archive("s3://b/100%", "the shop", programs="/opt/a b").restore_command()
        assert command == "'/opt/a b/barman-cloud-wal-restore' s3://b/100%% 'the shop' %f %p"

    def test_it_sees_the_keys_of_the_bucket_and_nothing_else_of_ours(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("CRM_BACKUP_KEY", "secret")
        seen = Archive("s3://b/p").environment()
        assert seen["AWS_ACCESS_KEY_ID"] == "key"
        assert "CRM_BACKUP_KEY" not in seen


class TestScratch:
    def test_what_a_dead_process_left_goes_and_what_a_living_one_has_stays(self, tmp_path):
        made = tmp_path / "crm-log-dead"
        (made / "data").mkdir(parents=True)
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        (made / "owner").write_text(str(ended.pid))
        in_it_by_chance = subprocess.Popen(["sleep", "600"], cwd=made)
        server = subprocess.Popen(
            [sys.executable, "-c", "input()", str(made)], stdin=subprocess.PIPE
        )
        # A program has begun before its command line can be read.
        line = Path("/proc", str(server.pid), "cmdline")
        wait_until(lambda: os.fsencode(made) in line.read_bytes())
        (made / "data" / "postmaster.pid").write_text(f"{server.pid}\n")
        strange = tmp_path / "crm-log-strange"
        strange.mkdir()
        try:
            with scratch(str(tmp_path), None) as mine, scratch(str(tmp_path), None) as second:
                assert not made.exists()
                assert mine.exists()
                assert second.exists()
            wait_until(lambda: server.poll() is not None, seconds=30)
            assert in_it_by_chance.poll() is None
            assert [folder.name for folder in tmp_path.iterdir()] == ["crm-log-strange"]
        finally:
            in_it_by_chance.kill()
            in_it_by_chance.wait()
            server.communicate()

    def test_a_folder_that_is_not_there_is_said(self):
        with (
            pytest.raises(BackupError, match="Nothing can be restored in /nowhere"),
            scratch("/nowhere", None),
        ):
            pass


@pytest.mark.django_db
class TestDrill:
    def test_without_an_archive_it_says_what_to_set(self, in_use):
        with pytest.raises(CommandError, match="Set CRM_ARCHIVE_URL"):
            call_command("backup", "drill", "--point-in-time")
        assert trust().log.failing
        assert not trust().restore.failing

    def test_a_server_that_archives_nothing_is_said(self, in_use, settings, tmp_path):
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, archive=Archive("s3://b/p"))
        with pytest.raises(CommandError, match="archive_mode is off"):
            call_command("backup", "drill", "--point-in-time")

    def test_a_log_that_does_not_leave_in_time_is_a_failure(self, in_use, settings, monkeypatch):
        settings.CRM_BACKUP = replace(settings.CRM_BACKUP, archive=Archive("s3://b/p"))
        monkeypatch.setattr(log_drills, "_WRITTEN", "select 'F', 'on'")
        monkeypatch.setattr(log_drills, "WITHIN_SECONDS", 0.2)
        with pytest.raises(CommandError, match=r"s ago is not in the archive yet"):
            call_command("backup", "drill", "--point-in-time")

    def test_a_name_is_not_for_it(self):
        with pytest.raises(CommandError, match="from its newest base backup"):
            call_command("backup", "drill", "some-name", "--point-in-time")

    def test_the_two_kinds_do_not_declare_each_other_dead(self):
        log = DrillRun.objects.create(kind="log", started_at=timezone.now())
        with recorded(DrillRun(started_at=timezone.now()), "backup drill"):
            log.refresh_from_db()
            assert log.status == "running"
        with recorded(DrillRun(kind="log", started_at=timezone.now()), "log drill"):
            log.refresh_from_db()
            assert log.error == "Its process was killed."

    def test_a_proved_log_proves_no_copy(self):
        now = timezone.now()
        done = {"status": "succeeded", "started_at": now, "finished_at": now, "backup_name": "x"}
        DrillRun.objects.create(kind="log", archived_seconds=41.6, **done)
        assert trust().log.kept
        assert not trust().restore.kept
        assert newest_drills() == {}

    def test_it_is_promised_for_eight_days(self):
        for days, kept in ((7, True), (9, False)):
            DrillRun.objects.all().delete()
            at = timezone.now() - timedelta(days=days)
            DrillRun.objects.create(kind="log", status="succeeded", started_at=at, finished_at=at)
            assert trust().log.kept is kept

    def test_the_page_and_prometheus_show_it_where_a_log_is_archived(
        self, admin_client, client, settings, monkeypatch
    ):
        now = timezone.now()
        DrillRun.objects.create(
            kind="log", status="succeeded", started_at=now, finished_at=now, archived_seconds=41.6
        )
        url = reverse("admin:common_drillrun_changelist")
        assert "Last restore of the log" not in admin_client.get(url).content.decode()
        sends = LogArchive(now, failing=False)
        monkeypatch.setattr(admin_pages, "log_archive", lambda: sends)
        monkeypatch.setattr("crm_project.common.metrics.log_archive", lambda: sends)
        text = admin_client.get(url).content.decode()
        assert "A change leaves within 42 s" in text
        settings.CRM_METRICS_TOKEN = "token"
        said = client.get("/metrics", headers={"Authorization": "Bearer token"}).content.decode()
        assert "crm_log_drill_archived_seconds 41.6" in said
        assert "crm_log_drill_failing 0.0" in said
