"""The pages of backups and drills in a browser: the promise on top, and a drill by one click."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from crm_project.common.models import BackupRun, DrillRun, Job

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def week():
    """Seven nights: one backup failed, and the newest drill is too old."""
    now = timezone.now()
    for day in range(7):
        at = now - timedelta(days=day, hours=3)
        good = day != 4
        BackupRun.objects.create(
            name=f"crm-{at:%Y%m%dT%H%M%SZ}-0000000{day}" if good else "",
            started_at=at,
            finished_at=at + timedelta(seconds=8),
            taken_at=at if good else None,
            status="succeeded" if good else "failed",
            error="" if good else "The bucket crm-backups cannot be reached.",
            place="the bucket crm-backups",
            file_bytes=26_700_000 if good else None,
            tables=146 if good else None,
            rows=738_018 if good else None,
            encrypted=True,
        )
        if day >= 2:
            DrillRun.objects.create(
                backup_name=f"crm-{at:%Y%m%dT%H%M%SZ}-0000000{day}",
                started_at=at,
                finished_at=at + timedelta(seconds=9),
                taken_at=at,
                status="succeeded",
                restore_seconds=4.9,
                rows=738_018,
                tables=146,
            )


@pytest.mark.timeout(180)
def test_what_is_older_than_promised_is_red_and_a_drill_is_started_from_there(
    signed_in, live_server, week, shot
):
    page, complaints = signed_in, []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(live_server.url + reverse("admin:common_backuprun_changelist"))
    page.wait_for_selector(".crm-bad:has-text('older than 26 h')")
    shot("backups")
    page.goto(live_server.url + reverse("admin:common_drillrun_changelist"))
    shot("drills")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    shot("drills-dark-phone")
    page.goto(live_server.url + reverse("admin:common_backuprun_changelist"))
    shot("backups-dark-phone")
    page.set_viewport_size({"width": 1280, "height": 800})

    page.goto(live_server.url + reverse("admin:common_drillrun_changelist"))
    page.click("text=Drill now")
    page.wait_for_selector("text=Restore the newest backup as a drill?")
    shot("dialog")
    page.click("button:has-text('Drill now')")
    page.wait_for_selector("text=It is in the queue")
    assert Job.objects.get().kind == "backup_drill"
    assert complaints == []
