from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.services.rfm import score_rfm
from crm_project.common.models import Job
from crm_project.common.tasks import run_job
from tests.api import errors
from tests.factories import CustomerFactory, OrderFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def scored():
    """Six customers with one to six orders each, and a prospect, scored as of today."""
    now = timezone.now()
    for number in range(1, 7):
        customer = CustomerFactory(code=f"C{number}")
        for age in range(number):
            OrderFactory(customer=customer, ordered_at=now - timedelta(days=2 + 20 * age + number))
    CustomerFactory(code="P1")
    return score_rfm()


class TestScores:
    def test_the_list_shows_scores_and_says_as_of(self, api, scored, django_assert_num_queries):
        api.get("rfm/")

        with django_assert_num_queries(2):  # token, scores with customers, segments and run
            page = api.get("rfm/").json()

        assert [row["customer"] for row in page["results"]] == [f"C{n}" for n in range(1, 7)]
        assert {row["as_of"] for row in page["results"]} == {scored.as_of.isoformat()}
        row = page["results"][0]
        assert row["code"] == f"{row['r']}{row['f']}{row['m']}"

    def test_it_filters(self, api, scored):
        rows = api.get("rfm/").json()["results"]
        best = [row["customer"] for row in rows if row["f"] == 5]
        segment = rows[0]["segment"]

        assert [r["customer"] for r in api.get("rfm/", {"f": 5}).json()["results"]] == best
        found = api.get("rfm/", {"segment": segment}).json()["results"]
        assert {row["segment"] for row in found} == {segment}
        assert errors(api.get("rfm/", {"r": 6}))["r"] == "invalid_choice"

    def test_it_is_paged_by_position(self, api, scored):
        seen, path = [], "rfm?limit=4"
        while path:
            page = api.get(path).json()
            seen += [row["customer"] for row in page["results"]]
            path = (page["next"] or "").partition("/api/v1/")[2]

        assert seen == [f"C{n}" for n in range(1, 7)]

    def test_one_customer_has_a_score_and_a_history(self, api, scored):
        found = api.get("rfm/C1/").json()

        assert found["customer"] == "C1"
        assert found["as_of"] == scored.as_of.isoformat()
        assert found["history"][0]["score"] is not None
        assert api.get("rfm/P1").json()["history"][0]["score"] is None
        assert api.get("rfm/nobody/").status_code == 404


class TestOverview:
    def test_by_segment_counts_everybody_once(self, api, scored):
        found = api.get("rfm/by-segment/").json()

        assert sum(row["customers"] for row in found["results"]) == 7
        assert found["as_of"] == scored.as_of.isoformat()

    def test_statistics_agree_with_the_segments(self, api, scored):
        found = api.get("rfm/statistics/").json()

        assert found["customers"] == 7
        assert sum(cell["customers"] for cell in found["heat_map"]) == 6
        assert found["run"]["id"] == scored.pk
        assert [run["id"] for run in api.get("rfm/runs/").json()["results"]] == [scored.pk]

    @pytest.mark.parametrize("path", ["rfm/", "rfm/by-segment/", "rfm/statistics/", "rfm/runs/"])
    def test_before_the_first_run_everything_is_empty(self, api, path):
        assert api.get(path).status_code == 200


class TestCalculate:
    @pytest.mark.parametrize("path", ["rfm/calculate/", "rfm/calculate"])
    def test_it_starts_a_job_that_scores(self, api, path):
        OrderFactory(customer__code="C1")

        response = api.post(path, {"as_of": timezone.localdate().isoformat()})

        assert response.status_code == 202
        job = Job.objects.get(pk=response.json()["job"]["id"])
        assert job.created_by == api.user
        run_job(str(job.pk))
        shown = api.get(response["Location"].partition("/api/v1/")[2]).json()
        assert shown["status"] == "succeeded"
        assert shown["result"]["scored"] == 1

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"mode": "lucky"}, "mode"),
            ({"window_days": 0}, "window_days"),
            ({"window_days": 10**40}, "window_days"),
            ({"as_of": "today"}, "as_of"),
            ({"when": "now"}, "when"),
        ],
    )
    def test_a_wrong_body_is_refused_by_name(self, api, body, name):
        assert name in errors(api.post("rfm/calculate/", body))
        assert not Job.objects.exists()
