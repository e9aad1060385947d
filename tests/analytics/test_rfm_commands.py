"""The ways in: commands, the nightly task and the background job."""

import csv
import io
import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command

from analytics import tasks
from analytics.models import RfmRun
from analytics.services.rfm import score_rfm
from crm_project.common.services import job_runs
from crm_project.common.services.jobs import create_job
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db

SHOP = {"A": [("2011-11-09", "10")], "B": [("2011-11-01", "1234.50")], "C": []}


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestScore:
    def test_it_says_what_it_did(self):
        shop(SHOP)
        assert "2 customers scored as of 2011-11-09" in run("score_rfm", "--as-of=2011-11-09")

    def test_json_is_for_programs(self):
        shop(SHOP)
        facts = json.loads(run("score_rfm", "--as-of=2011-11-09", "--mode=fixed", "--json"))
        assert (facts["scored"], facts["prospects"], facts["mode"]) == (2, 1, "fixed")
        assert facts["cuts"]["monetary"] == ["200", "500", "1000", "2000"]

    def test_a_window_and_a_snapshot_can_be_asked_for(self):
        shop(SHOP)
        run("score_rfm", "--as-of=2011-11-09")
        run("score_rfm", "--as-of=2011-11-09", "--window=5", "--keep-current")
        assert [r.scored for r in RfmRun.objects.order_by("pk")] == [2, 1]
        assert RfmRun.objects.get(is_current=True).window_days is None

    def test_a_mistake_is_answered_in_words(self):
        with pytest.raises(CommandError, match="still to come"):
            run("score_rfm", "--as-of=2999-01-01")


class TestReport:
    def test_before_the_first_run_it_says_what_to_do(self):
        with pytest.raises(CommandError, match="Nothing has been scored yet"):
            run("rfm_report")

    def test_the_table_shows_segments_and_best_customers(self):
        shop(SHOP)
        score_rfm(as_of=date(2011, 11, 9))
        text = run("rfm_report")
        assert "Segments as of 2011-11-09" in text
        assert "Prospects" in text
        assert "1,234.50" in text

    def test_csv_has_one_line_per_segment(self):
        shop(SHOP)
        score_rfm(as_of=date(2011, 11, 9))
        rows = list(csv.DictReader(io.StringIO(run("rfm_report", "--csv"))))
        assert len(rows) == 12
        assert sum(int(row["customers"]) for row in rows) == 3

    def test_json_names_an_older_run(self):
        shop(SHOP)
        older = score_rfm(as_of=date(2011, 11, 5))
        score_rfm(as_of=date(2011, 11, 9))
        facts = json.loads(run("rfm_report", "--json", f"--run={older.pk}", "--top=1"))
        assert (facts["run"], facts["as_of"]) == (older.pk, "2011-11-05")
        assert [best["code"] for best in facts["top_customers"]] == ["B"]

    def test_a_run_without_scores_is_named(self):
        with pytest.raises(CommandError, match="no scores of a run 7"):
            run("rfm_report", "--run=7")


def test_the_nightly_tasks_score_and_thin():
    shop(SHOP)
    tasks.score_rfm_nightly()
    tasks.thin_runs_nightly()
    assert RfmRun.objects.get(is_current=True).scored == 2


@pytest.mark.django_db(transaction=True)
def test_a_job_scores_and_says_which_run(admin_user):
    shop(SHOP)
    params = {"as_of": "2011-11-09", "mode": "fixed", "window_days": 30}
    job = create_job(kind="score_rfm", params=params, user=admin_user)

    job_runs.run(job_id=str(job.pk))

    job.refresh_from_db()
    done = RfmRun.objects.get(pk=job.result["run_id"])
    assert (job.status, done.created_by) == ("succeeded", admin_user)
    assert (done.as_of, done.mode, done.window_days) == (date(2011, 11, 9), "fixed", 30)
