"""The ways in to the pipeline: the command, the job, the nightly task and the API."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics import tasks
from analytics.models import PipelineRun
from analytics.services import pipeline
from analytics.services.pipeline import run_pipeline
from crm_project.common.exceptions import CrmError
from crm_project.common.models import Job
from crm_project.common.services import job_runs
from crm_project.common.services.jobs import create_job
from tests.analytics.pipeline_support import install, outcomes, step
from tests.api import errors

pytestmark = pytest.mark.django_db


def fails(context):
    raise CrmError("The step says [no].")


@pytest.fixture
def two(monkeypatch):
    """A pipeline of two steps that succeed."""
    install(monkeypatch, step("first", 10), step("second", 20, needs=("first",)))


@pytest.fixture
def broken(monkeypatch):
    """A pipeline whose first step fails."""
    install(monkeypatch, step("first", 10, work=fails), step("second", 20, needs=("first",)))


def score(*arguments):
    out = io.StringIO()
    call_command("score", *arguments, stdout=out)
    return out.getvalue()


class TestCommand:
    def test_it_ends_with_a_table_of_steps_and_seconds(self, two):
        text = score()
        assert "First" in text
        assert "succeeded" in text
        assert "Seconds" in text

    def test_json_is_for_programs(self, two):
        facts = json.loads(score("--json", "--steps=second"))
        assert facts["status"] == "succeeded"
        assert [row["name"] for row in facts["steps"]] == ["second"]
        assert facts["steps"][0]["seconds"] >= 0

    def test_quiet_prints_nothing(self, two):
        assert score("--quiet") == ""

    def test_a_failure_is_an_error_after_the_table(self, broken):
        out = io.StringIO()
        with pytest.raises(CommandError, match=r"Failed: first.*--resume"):
            call_command("score", stdout=out)
        assert "The step says [no]." in out.getvalue()
        assert "not started" in out.getvalue()

    def test_it_resumes(self, broken, monkeypatch):
        with pytest.raises(CommandError):
            score("--quiet")
        install(monkeypatch, step("first", 10), step("second", 20))

        assert json.loads(score("--resume", "--json"))["attempts"] == 2
        with pytest.raises(CommandError, match="complete; nothing is left"):
            score("--resume")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--steps=magic"], "There is no step"),
            (["--steps=first", "--from=second"], "not both"),
            (["--resume", "--steps=first"], "give nothing else"),
            (["--as-of=2999-01-01"], "still to come"),
        ],
    )
    def test_a_mistake_is_answered_in_words(self, two, arguments, words):
        with pytest.raises(CommandError, match=words):
            score(*arguments)


def do(**params):
    job = create_job(kind="score", params=params)
    return job_runs.run(job_id=job.pk)


class TestJob:
    def test_it_runs_the_pipeline(self, two):
        job = do(as_of="2026-01-31", steps=["first"], origin="admin")
        run = PipelineRun.objects.get()
        assert job.status == "succeeded"
        assert job.result == {"run_id": run.pk, "as_of": "2026-01-31", "status": "succeeded"}
        assert (run.job, run.origin, list(outcomes(run))) == (job, "admin", ["first"])

    def test_a_failed_step_fails_it_in_words(self, broken):
        job = do()
        assert job.status == "failed"
        assert "Failed: first. Not started because of that: second." in job.error

    def test_the_nightly_task_makes_one_that_resumes_what_is_left_of_the_day(
        self, broken, monkeypatch, django_capture_on_commit_callbacks
    ):
        run = run_pipeline()
        install(monkeypatch, step("first", 10), step("second", 20))

        with django_capture_on_commit_callbacks():
            tasks.score_nightly()
        job = job_runs.run(job_id=Job.objects.get().pk)

        assert job.result["run_id"] == run.pk

    def test_a_job_that_another_worker_takes_over_goes_on_with_its_run(self, two):
        job = create_job(kind="score", params={})
        begun = PipelineRun.objects.create(as_of=timezone.localdate(), job=job)

        done = job_runs.run(job_id=job.pk)

        assert done.result["run_id"] == begun.pk

    def test_it_resumes_the_run_it_is_given(self, broken, monkeypatch):
        first, _ = run_pipeline(), run_pipeline()
        install(monkeypatch, step("first", 10), step("second", 20))
        assert do(resume=True, run_id=first.pk).result["run_id"] == first.pk

    def test_it_says_who_is_at_work(self, two, monkeypatch):
        monkeypatch.setattr(pipeline, "_take_lock", lambda: False)
        assert "just beginning" in do().error


class TestApi:
    def test_a_run_is_started_and_read(self, api, two):
        response = api.post("pipeline-runs", {"steps": ["first"], "as_of": "2026-01-31"})
        assert response.status_code == 202
        job = Job.objects.get(pk=response.json()["job"]["id"])
        assert (job.kind, job.created_by) == ("score", api.user)
        job_runs.run(job_id=job.pk)

        run = PipelineRun.objects.get()
        shown = api.get(f"pipeline-runs/{run.pk}").json()
        assert (shown["status"], shown["origin"], shown["as_of"]) == (
            "succeeded",
            "api",
            "2026-01-31",
        )
        assert [row["name"] for row in shown["steps"]] == ["first"]
        assert shown["steps"][0]["seconds"] >= 0

    def test_it_can_resume(self, api, broken, monkeypatch):
        run = run_pipeline()
        install(monkeypatch, step("first", 10), step("second", 20))
        response = api.post("pipeline-runs", {"resume": True})
        job_runs.run(job_id=response.json()["job"]["id"])
        assert api.get(f"pipeline-runs/{run.pk}").json()["attempts"] == 2

    def test_the_list_costs_the_same_however_long(self, api, two, django_assert_num_queries):
        for _ in range(3):
            run_pipeline()
        api.get("pipeline-runs")
        with django_assert_num_queries(4):  # token, the lock, runs, steps
            page = api.get("pipeline-runs").json()
        assert [row["id"] for row in page["results"]] == sorted(
            PipelineRun.objects.values_list("pk", flat=True), reverse=True
        )

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"steps": ["magic"]}, "steps"),
            ({"steps": "first"}, "steps"),
            ({"from_step": "magic"}, "from_step"),
            ({"as_of": "yesterday"}, "as_of"),
            ({"resume": True, "steps": ["first"]}, "resume"),
            ({"when": "now"}, "when"),
        ],
    )
    def test_a_wrong_body_is_refused_by_name(self, api, two, body, name):
        found = errors(api.post("pipeline-runs", body))
        assert any(attr.startswith(name) for attr in found), found
        assert not Job.objects.exists()

    def test_it_needs_its_scopes(self, api, two):
        reader = api.with_scopes("pipeline:read")
        assert reader.get("pipeline-runs").status_code == 200
        assert reader.post("pipeline-runs", {}).status_code == 403
        assert api.with_scopes("rfm:read").get("pipeline-runs").status_code == 403
        assert api.get("pipeline-runs/999999999").status_code == 404
