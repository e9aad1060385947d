"""Predictions over the API, by command, by job, and by the application's own role."""

import io
import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from analytics import tasks
from analytics.models import CurrentCustomerMetrics, MetricsRun
from analytics.services.metrics import score_metrics, thin_metrics
from crm_project.common.models import Job
from crm_project.common.tasks import run_job
from customers.models import CustomerAlias
from tests.analytics.made_shop import DAY, fill
from tests.api import errors
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def scored():
    fill(300)
    return score_metrics(as_of=DAY)


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestCustomer:
    def test_one_customer_is_read_with_the_day_and_the_reason(
        self, api, scored, django_assert_num_queries
    ):
        row = CurrentCustomerMetrics.objects.select_related("customer").first()
        code = row.customer.code
        api.get(f"customers/{code}/metrics/")

        with django_assert_num_queries(3):  # token, customer, metrics with their run
            found = api.get(f"customers/{code}/metrics/").json()

        assert found["customer"] == code
        assert found["as_of"] == DAY.isoformat()
        assert found["run"] == scored.pk
        assert found["purchase_probability_30d"] == row.purchase_probability_30d
        assert found["historic_value"] == str(row.historic_value)

    def test_a_prospect_has_nulls_and_a_reason(self, api, scored):
        CustomerFactory(code="P1")
        found = api.get("customers/P1/metrics/").json()
        assert (found["ltv"], found["reason"]) == (None, "No counted order yet.")

    def test_before_the_first_run_the_answer_says_so(self, api):
        CustomerFactory(code="P1")
        found = api.get("customers/P1/metrics/").json()
        assert (found["as_of"], found["reason"]) == (None, "Nothing was predicted yet.")

    def test_an_old_code_still_finds_its_customer(self, api, scored):
        row = CurrentCustomerMetrics.objects.select_related("customer").first()
        CustomerAlias.objects.create(code="old", customer=row.customer)
        assert api.get("customers/old/metrics/").json()["customer"] == row.customer.code

    @pytest.mark.parametrize("code", ["nobody", "%00", "' or 1=1 --", "%F0%9F%8D%B7"])
    def test_unknown_and_hostile_codes_are_not_found(self, api, code):
        assert api.get(f"customers/{code}/metrics/").status_code == 404

    def test_unknown_parameters_are_refused(self, api, scored):
        CustomerFactory(code="P1")
        assert api.get("customers/P1/metrics/", {"colour": "red"}).status_code == 400


class TestRuns:
    def test_the_list_is_short_and_the_detail_has_the_back_test(self, api, scored):
        row = api.get("metrics-runs/").json()["results"][0]
        assert (row["id"], row["is_current"]) == (scored.pk, True)
        assert "back_test" not in row

        found = api.get(f"metrics-runs/{scored.pk}/").json()

        assert [one["days"] for one in found["back_test"]["horizons"]] == [30, 90]
        assert found["convergence"]["mbg"]["label"] == "MBG/NBD"

    @pytest.mark.parametrize("key", ["0", "999999", "abc", "-1", "99999999999999999999"])
    def test_a_run_that_is_not_there_is_not_found(self, api, key):
        assert api.get(f"metrics-runs/{key}/").status_code == 404

    def test_a_run_is_started_as_a_job(self, api):
        fill(300)
        answer = api.post("metrics-runs/", {"as_of": DAY.isoformat()})
        assert answer.status_code == 202

        job = Job.objects.get(kind="score_metrics")
        run_job(str(job.pk))

        job.refresh_from_db()
        assert job.status == Job.Status.SUCCEEDED, job.error
        assert job.result["predicted"] == MetricsRun.objects.get().predicted

    @pytest.mark.parametrize(
        "body", [{"as_of": "soon"}, {"as_of": 5}, {"as_of": ["2011-11-09"]}, {"day": "2011-11-09"}]
    )
    def test_wrong_bodies_are_refused(self, api, body):
        answer = api.post("metrics-runs/", body)
        assert answer.status_code == 400
        assert errors(answer)
        assert not Job.objects.exists()

    def test_each_scope_allows_its_own(self, api, scored):
        reader, other = api.with_scopes("metrics:read"), api.with_scopes("rfm:read")
        assert reader.get("metrics-runs/").status_code == 200
        assert reader.post("metrics-runs/", {}).status_code == 403
        assert other.get("metrics-runs/").status_code == 403
        assert other.get(f"metrics-runs/{scored.pk}/").status_code == 403
        CustomerFactory(code="P1")
        assert other.get("customers/P1/metrics/").status_code == 403


class TestCommand:
    def test_it_prints_what_it_found(self):
        fill(600)
        text = run("score_metrics", f"--as-of={DAY}")
        assert f"Metrics as of {DAY}" in text
        assert "was chosen for 30 days" in " ".join(text.split())
        assert "Sum of the R, F and M scores" in text

    def test_json_is_for_programs(self):
        fill(300)
        facts = json.loads(run("score_metrics", f"--as-of={DAY}", "--json"))
        assert facts["predicted"] == facts["scored"]
        assert facts["back_test"]["version"] == 1

    def test_a_dry_run_stores_nothing(self):
        fill(300)
        assert "have predictions" in " ".join(
            run("score_metrics", f"--as-of={DAY}", "--dry-run").split()
        )
        assert not MetricsRun.objects.exists()

    def test_a_day_before_the_current_one_goes_into_the_history_and_says_so(self):
        fill(150)
        run("score_metrics", f"--as-of={DAY}")
        past = f"--as-of={DAY - timedelta(days=20)}"
        assert "went into the history" in run("score_metrics", past)
        assert MetricsRun.objects.get(is_current=True).as_of == DAY
        assert "went into the history" not in run("score_metrics", past, "--make-current")
        assert MetricsRun.objects.get(is_current=True).as_of == DAY - timedelta(days=20)

    @pytest.mark.parametrize(
        "command",
        ["score_metrics", "segment_customers", "refresh_profiles", "compare_segmentations"],
    )
    def test_somebody_at_a_terminal_sees_how_far_it_is(self, command, monkeypatch):
        fill(120)
        if command == "compare_segmentations":
            run("segment_customers", f"--as-of={DAY}", "--kind=rfm_map", "--kind=rfm")
        told = []

        @contextmanager
        def bar():
            yield lambda *said: told.append(said)

        monkeypatch.setattr(f"analytics.management.commands.{command}.bar", bar)
        run(command)
        assert told

    def test_a_shop_without_data_is_told_so(self):
        text = run("score_metrics")
        assert "0 of 0 customers" in text
        assert "There is no customer with an order." in text

    def test_a_mistake_is_answered_in_words(self):
        with pytest.raises(CommandError, match="still to come"):
            run("score_metrics", "--as-of=2999-01-01")


def test_the_nightly_task_predicts_as_of_today():
    tasks.score_metrics_nightly()
    assert MetricsRun.objects.get().status == "succeeded"


@pytest.mark.owner
def test_the_applications_role_predicts_and_thins_without_owning_tables():
    fill(150)
    old = score_metrics(as_of=DAY)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            create role crm_app_in_test nologin;
            grant usage on schema public, crm_private to crm_app_in_test;
            grant select, insert, update, delete on all tables in schema public
                to crm_app_in_test;
            grant usage on all sequences in schema public to crm_app_in_test;
            grant execute on all functions in schema crm_private to crm_app_in_test;
            set local role crm_app_in_test;
            """
        )
        try:
            newer = score_metrics(as_of=DAY)
            assert newer.rows.count() == newer.scored
            assert old.pk in thin_metrics()
        finally:
            cursor.execute("reset role")
