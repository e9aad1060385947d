"""The command, the pages, the figures for Prometheus and the schedules of backups and drills."""

import importlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from celery import current_app
from django.apps import apps
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from crm_project.common import metrics, tasks
from crm_project.common.admin import backups as admin_pages
from crm_project.common.models import BackupRun, DrillRun, Job
from crm_project.common.selectors.backups import log_archive, seen_archive, trust
from tests.analytics.admin_pages import allow
from tests.backup.commands import command, facts

pytestmark = pytest.mark.django_db


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
        allow(staff_user, f"view_{model}")
        client.force_login(staff_user)
        text = client.get(page).content.decode()
        assert "never" in text
        assert "crm-bad" in text
        assert reverse(f"admin:common_{model}_{action}") not in text
        allow(staff_user, f"add_{model}")
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
    DrillRun.objects.create(started_at=now, taken_at=now, finished_at=now, status="succeeded")
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
