"""Commands, jobs, the API and the customer page of the segmentations."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from analytics import tasks
from analytics.management.segmentation_reports import built_parts, printed
from analytics.models import Segmentation, SegmentationComparison
from analytics.services.segmentation_comparisons import compare
from analytics.services.segmentations import Built, build
from crm_project.common.models import Job
from crm_project.common.services import job_runs
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import run_job
from tests.analytics.segmentation_support import (
    DAY,
    QUICK,
    built,
    buy_later,
    by_kind,
    give_taste,
    membership,
    order,
    shop,
)
from tests.api import errors

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Try few numbers of groups, so that each build takes a moment only."""
    monkeypatch.setattr("analytics.services.segmentations.Effort", lambda: QUICK)
    monkeypatch.setattr("analytics.services.segmentation_comparisons.Effort", lambda: QUICK)


@pytest.fixture
def people(monkeypatch):
    people = shop(150)
    give_taste(monkeypatch, people)
    buy_later(people)
    order(people[0], DAY + timedelta(days=120), 10).save()
    return people


@pytest.fixture
def made(people):
    return by_kind(build(as_of=DAY))


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestCommands:
    def test_it_shows_each_segmentation_with_its_groups(self, people):
        text = run("segment_customers", f"--as-of={DAY}")
        assert "RFM segments as of 2011-09-01 (150 customers)" in text
        assert "Taste groups as of 2011-09-01 (150 customers)" in text
        assert "Riesling" in text
        assert "stable (1.00)" in text
        assert "the best silhouette among" in text

    def test_what_was_left_out_is_said(self):
        assert "Left out: taste groups" in run("segment_customers", f"--as-of={DAY}")

    def test_json_is_for_programs(self, people):
        text = run("segment_customers", f"--as-of={DAY}", "--kind=rfm", "--keep-current", "--json")
        facts = json.loads(text)
        assert [row["kind"] for row in facts["segmentations"]] == ["rfm"]
        assert not facts["segmentations"][0]["is_current"]
        assert sum(cluster["size"] for cluster in facts["segmentations"][0]["clusters"]) == 150

    def test_comparing_shows_measures_and_verdicts(self, made):
        text = run("compare_segmentations")
        assert "RFM map and Taste clustering, as of 2011-09-01" in text
        assert "agree little" in text
        assert "ARI" in text

    def test_two_that_were_named_are_compared(self, made):
        text = run(
            "compare_segmentations", f"--left={made['rfm'].pk}", f"--right={made['both'].pk}",
            "--json",
        )  # fmt: skip
        facts = json.loads(text)
        assert [row["left"] for row in facts["comparisons"]] == [made["rfm"].pk]
        assert facts["comparisons"][0]["results"]["customers"] == 150

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["segment_customers", "--as-of=2999-01-01"], "still to come"),
            (["compare_segmentations"], "Nothing has been grouped yet"),
            (["compare_segmentations", "--left=1"], "Name either two"),
            (["compare_segmentations", "--left=1", "--right=2"], "no segmentation 1"),
        ],
    )
    def test_a_mistake_is_answered_in_words(self, arguments, words):
        with pytest.raises(CommandError, match=words):
            run(*arguments)

    def test_hostile_names_do_not_colour_the_table(self, made):
        made["taste"].clusters.update(name="[red]x[/red]")
        built = Built(as_of=DAY, made=(made["taste"],))
        assert "[red]x[/red]" in printed(built_parts(built), terminal=False)


class TestReading:
    def test_the_list_filters_by_kind_and_current(self, api, made, django_assert_num_queries):
        api.get("segmentations/")
        with django_assert_num_queries(2):  # token, rows
            page = api.get("segmentations/").json()
        assert {row["kind"] for row in page["results"]} == {"rfm_map", "rfm", "taste", "both"}
        found = api.get("segmentations", {"kind": "taste", "is_current": "true"}).json()["results"]
        assert [row["id"] for row in found] == [made["taste"].pk]
        assert errors(api.get("segmentations", {"kind": "magic"}))["kind"] == "invalid_choice"

    def test_one_has_its_groups_with_evidence(self, api, made, django_assert_num_queries):
        api.get("segmentations/")
        with django_assert_num_queries(3):  # token, row, clusters
            found = api.get(f"segmentations/{made['taste'].pk}/").json()
        assert {cluster["name"] for cluster in found["clusters"]} == {"Riesling", "Merlot", "Port"}
        assert found["clusters"][0]["evidence"]["terms"]
        assert found["quality"]["stability"]["groups"]
        assert api.get("segmentations/999999/").status_code == 404

    def test_members_are_paged_by_position(self, api, made, people, django_assert_num_queries):
        path, seen = f"segmentations/{made['rfm'].pk}/members?limit=100", []
        api.get(path)
        while path:
            with django_assert_num_queries(3):  # token, is it there, members with customers
                page = api.get(path).json()
            seen += [(row["customer"], row["number"]) for row in page["results"]]
            path = (page["next"] or "").partition("/api/v1/")[2]
        groups = membership(made["rfm"])
        assert seen == [(person.code, groups[person.pk]) for person in people]

    def test_members_of_one_group(self, api, made):
        path = f"segmentations/{made['taste'].pk}/members/"
        rows = api.get(path, {"number": 1, "limit": 500}).json()["results"]
        assert len(rows) == made["taste"].clusters.get(number=1).size
        assert {row["number"] for row in rows} == {1}
        assert api.get("segmentations/999999/members/").status_code == 404
        assert api.get(path, {"number": 10**9}).status_code == 400

    def test_movement_counts_everybody(self, api, made):
        later = built(as_of=DAY + timedelta(days=60))
        found = api.get(f"segmentations/{made['rfm'].pk}/movement/", {"to": later.pk}).json()
        assert sum(cell["customers"] for cell in found["cells"]) == 150
        assert (found["since"], found["as_of"]) == ("2011-09-01", "2011-10-31")
        path = f"segmentations/{made['rfm'].pk}/movement"
        for to in ("", "x", "0", "9" * 17, str(made["taste"].pk)):
            assert api.get(path, {"to": to}).status_code == 400
        assert api.get(path).status_code == 400

    def test_comparisons_are_listed_and_read(self, api, made, django_assert_num_queries):
        row = compare(left_id=made["rfm_map"].pk, right_id=made["both"].pk)
        api.get("segmentation-comparisons/")
        with django_assert_num_queries(2):
            found = api.get("segmentation-comparisons/").json()["results"]
        assert [(each["id"], each["left_kind"]) for each in found] == [(row.pk, "rfm_map")]
        assert api.get(f"segmentation-comparisons/{row.pk}").json()["verdict"] == row.verdict


class TestWriting:
    def test_a_group_gets_a_name(self, api, made):
        path = f"segmentations/{made['taste'].pk}/clusters/1/"
        found = api.patch(path, {"name": "White wine", "change_reason": "as sales say"}).json()
        assert (found["name"], found["named_by_person"]) == ("White wine", True)
        assert api.patch(path, {"name": ""}).json()["named_by_person"] is False

    @pytest.mark.parametrize(
        "body", [{}, {"name": None}, {"name": "x" * 121}, {"name": "a\x00"}, {"size": 3}]
    )
    def test_a_wrong_name_is_refused(self, api, made, body):
        path = f"segmentations/{made['taste'].pk}/clusters/1"
        assert api.patch(path, body).status_code == 400
        other = path.replace("clusters/1", "clusters/99")
        assert api.patch(other, {"name": "x"}).status_code == 404

    def test_segments_of_the_map_keep_theirs(self, api, made):
        number = made["rfm_map"].clusters.first().number
        path = f"segmentations/{made['rfm_map'].pk}/clusters/{number}"
        assert api.patch(path, {"name": "Mine"}).status_code == 400

    def test_it_starts_a_job_that_groups(self, api, people):
        response = api.post("segmentations/", {"as_of": DAY.isoformat(), "kinds": ["rfm"]})
        assert response.status_code == 202
        job = Job.objects.get(pk=response.json()["job"]["id"])
        run_job(str(job.pk))
        job.refresh_from_db()
        assert (job.status, list(job.result["segmentations"])) == ("succeeded", ["rfm"])
        assert Segmentation.objects.get(kind="rfm").created_by == api.user

    def test_it_starts_a_job_that_compares(self, api, made):
        response = api.post("segmentation-comparisons", {})
        run_job(response.json()["job"]["id"])
        job = Job.objects.get(pk=response.json()["job"]["id"])
        assert job.result["comparisons"] == list(
            SegmentationComparison.objects.order_by("pk").values_list("pk", flat=True)
        )

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("segmentations", {"kinds": ["magic"]}),
            ("segmentations", {"kinds": []}),
            ("segmentations", {"kinds": "rfm; drop table"}),
            ("segmentations", {"as_of": "soon"}),
            ("segmentations", {"seed": 3}),
            ("segmentation-comparisons", {"left": 1}),
            ("segmentation-comparisons", {"left": 10**40, "right": 2}),
            ("segmentation-comparisons", {"left": 1, "right": 2, "as_of": "2011-09-01"}),
            ("segmentation-comparisons", {"later_days": 0}),
        ],
    )
    def test_a_wrong_body_is_refused(self, api, path, body):
        assert api.post(path, body).status_code == 400
        assert not Job.objects.exists()

    def test_reading_does_not_allow_writing(self, api, made):
        reader = api.with_scopes("segments:read")
        assert reader.get("segmentations").status_code == 200
        assert reader.post("segmentations", {}).status_code == 403
        path = f"segmentations/{made['taste'].pk}/clusters/1"
        assert reader.patch(path, {"name": "x"}).status_code == 403
        stranger = api.with_scopes("rfm:read")
        for place in ("segmentations", f"segmentations/{made['rfm'].pk}/members"):
            assert stranger.get(place).status_code == 403


class TestCustomerPage:
    def test_the_groups_are_named_with_their_day(self, admin_client, made, people):
        page = admin_client.get(reverse("admin:customers_customer_change", args=[people[0].pk]))
        assert "Taste group" in page.content.decode()
        assert "Riesling" in page.content.decode()
        assert "as of 1 Sep 2011" in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_nightly_thinning_and_a_job_of_a_person(admin_user):
    shop(60)
    job = create_job(kind="segment_customers", params={"as_of": DAY.isoformat()}, user=admin_user)
    job_runs.run(job_id=str(job.pk))
    job.refresh_from_db()
    assert job.status == "succeeded"
    assert set(job.result["left_out"]) == {"taste", "both"}
    tasks.thin_runs_nightly()
    assert Segmentation.objects.filter(is_current=True).count() == 2
