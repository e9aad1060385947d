"""Runs of the pipeline in the admin: the line of time, Run now and Resume."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from analytics.admin.pipeline import shown
from analytics.models import PipelineRun, PipelineStep
from analytics.services.pipeline import run_pipeline
from crm_project.common.models import Job
from tests.analytics.pipeline_support import fails, install, step

pytestmark = pytest.mark.django_db

RUN_NOW = "admin:analytics_pipelinerun_run_now"
LIST = "admin:analytics_pipelinerun_changelist"
CHANGE = "admin:analytics_pipelinerun_change"


@pytest.fixture
def failed(monkeypatch):
    """A run whose first step failed and stopped the second."""
    install(monkeypatch, step("first", 10, work=fails), step("second", 20, needs=("first",)))
    return run_pipeline()


def run_of(*seconds, status="succeeded"):
    begun = timezone.now() - timedelta(hours=1)
    run = PipelineRun.objects.create(as_of=timezone.localdate(), status=status)
    for place, long in enumerate(seconds):
        PipelineStep.objects.create(
            run=run,
            name=f"s{place}",
            position=place,
            status="succeeded" if long is not None else "waiting",
            # Of another attempt, hours later: waiting is no work.
            started_at=begun + timedelta(hours=place) if long is not None else None,
            finished_at=begun + timedelta(hours=place, seconds=long) if long is not None else None,
        )
    return run


class TestLineOfTime:
    def test_bars_follow_each_other_by_their_work(self):
        bars = shown(run_of(1, 3, 0, None))["steps"]
        assert [(bar["left"], bar["width"]) for bar in bars] == [
            (0, 25),
            (25, 75),
            (99.4, 0.6),
            (99.4, 0),
        ]

    def test_a_run_without_work_has_no_bars(self):
        found = shown(run_of(None, None))
        assert {bar["width"] for bar in found["steps"]} == {0}
        assert found["done"] == 0

    def test_a_run_whose_process_died_is_called_interrupted(self):
        run = run_of(1, status="running")
        PipelineStep.objects.update(status="running", finished_at=None)
        found = shown(run)
        assert found["steps"][0]["status"] == "interrupted"
        assert "killed" in found["warning"]


class TestPages:
    def test_a_failed_run_says_what_happened(self, admin_client, failed):
        text = admin_client.get(reverse(CHANGE, args=[failed.pk])).content.decode()
        assert "The step says no." in text
        assert "It needs first, which did not succeed." in text
        assert "Everybody sees the former numbers" in text
        listed = admin_client.get(reverse(LIST)).content.decode()
        assert "0 of 2" in listed

    def test_the_list_costs_the_same_however_long(
        self, admin_client, django_assert_max_num_queries
    ):
        for _ in range(12):
            run_of(1, 2)
        admin_client.get(reverse(LIST))
        with django_assert_max_num_queries(16):
            admin_client.get(reverse(LIST))


class TestActions:
    def test_run_now_writes_a_job(self, admin_client):
        asked = {"_form_submitted": "True", "as_of": "2026-01-31", "steps": ["rfm", "movement"]}
        response = admin_client.post(reverse(RUN_NOW), asked)

        assert response.status_code == 302
        job = Job.objects.get()
        assert job.kind == "score"
        assert job.params == {
            "as_of": "2026-01-31",
            "steps": ["rfm", "movement"],
            "origin": "admin",
        }

    @pytest.mark.parametrize("wrong", [{"steps": ["magic"]}, {"as_of": "2999-01-01"}])
    def test_what_makes_no_sense_starts_nothing(self, admin_client, wrong):
        admin_client.post(reverse(RUN_NOW), {"_form_submitted": "True", **wrong})
        assert not Job.objects.exists()

    def test_resume_writes_a_job_for_this_run(self, admin_client, failed):
        url = reverse("admin:analytics_pipelinerun_resume", args=[failed.pk])
        admin_client.post(url, {"_form_submitted": "True"})
        assert Job.objects.get().params == {"resume": True, "run_id": failed.pk}

    @pytest.mark.parametrize("run_id", ["complete", 999_999, "x"])
    def test_what_is_complete_or_not_there_is_not_resumed(self, admin_client, run_id):
        complete = run_of(1)
        key = complete.pk if run_id == "complete" else run_id
        url = reverse("admin:analytics_pipelinerun_resume", args=[key])
        admin_client.post(url, {"_form_submitted": "True"})
        assert not Job.objects.exists()

    def test_a_viewer_sees_no_buttons_and_cannot_use_them(self, client, staff_user, failed):
        staff_user.user_permissions.add(Permission.objects.get(codename="view_pipelinerun"))
        client.force_login(staff_user)
        assert "Run now" not in client.get(reverse(LIST)).content.decode()
        assert client.get(reverse(CHANGE, args=[failed.pk])).status_code == 200
        url = reverse("admin:analytics_pipelinerun_resume", args=[failed.pk])
        for refused in (reverse(RUN_NOW), url):
            assert client.post(refused, {"_form_submitted": "True"}).status_code == 403
