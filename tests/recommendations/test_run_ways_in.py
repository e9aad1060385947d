"""Runs and settings of recommendations over the API, by command, by job and by schedule."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm_project.common.models import Job
from crm_project.common.tasks import run_job
from recommendations import tasks
from recommendations.models import RecoConfig, RecoExclusion, RecoItem, RecoRun
from recommendations.services.configs import active_config, create_config
from recommendations.services.runs import recommend
from tests.api import errors
from tests.recommendations.run_shop import DAY, small_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def made():
    small_shop(customers=12)
    return recommend(as_of=DAY)


def command(*arguments):
    out = io.StringIO()
    call_command("recommend", *arguments, stdout=out)
    return " ".join(out.getvalue().split())


class TestReading:
    def test_the_list_is_short_and_the_detail_says_what_it_was_made_from(
        self, api, made, django_assert_num_queries
    ):
        api.get("reco-runs/")
        with django_assert_num_queries(2):  # token, runs with their settings
            row = api.get("reco-runs/").json()["results"][0]
        assert (row["id"], row["is_current"], row["config"]) == (made.pk, True, made.config.hash)
        assert "quality" not in row

        found = api.get(f"reco-runs/{made.pk}/").json()

        assert found["result_hash"] == made.result_hash
        assert found["data_version"]["sha256"]
        assert found["quality"]["passed"] is True
        assert found["contact_policy"]["silence_window_days"] == 135

    def test_items_and_exclusions_are_paged_with_a_fixed_number_of_queries(
        self, api, made, django_assert_num_queries
    ):
        api.get(f"reco-runs/{made.pk}/items/")
        for size in (1, 20):
            with django_assert_num_queries(3):  # token, run, items
                answer = api.get(f"reco-runs/{made.pk}/items/", {"limit": size}).json()
            assert len(answer["results"]) == size
        first = RecoItem.objects.filter(run=made).order_by("id").first()
        row = api.get(f"reco-runs/{made.pk}/items/").json()["results"][0]
        assert (row["id"], row["customer"], row["product"]) == (
            first.id, first.customer.code, first.product.key
        )  # fmt: skip
        assert row["reasons"]["scenario"] == row["scenario"]

        path, seen = f"reco-runs/{made.pk}/exclusions/?limit=5", []
        while path:
            with django_assert_num_queries(3):
                page = api.call("get", path).json()
            seen += [(row["customer"], row["stage"]) for row in page["results"]]
            path = (page["next"] or "").partition("/api/v1/")[2]
        assert len(seen) == len(set(seen)) == RecoExclusion.objects.count()

    def test_items_are_filtered(self, api, made):
        item = RecoItem.objects.filter(run=made).first()
        path = f"reco-runs/{made.pk}/items/"

        mine = api.get(path, {"customer": item.customer.code}).json()["results"]
        assert {row["customer"] for row in mine} == {item.customer.code}
        same = api.get(path, {"scenario": item.scenario, "rank": item.rank}).json()["results"]
        assert {(row["scenario"], row["rank"]) for row in same} == {(item.scenario, item.rank)}
        assert api.get(path, {"status": "approved"}).json()["results"] == []

    @pytest.mark.parametrize(
        "query",
        [
            {"scenario": "GIFT"}, {"rank": "0"}, {"rank": "first"}, {"slot": "x"},
            {"status": "done"}, {"colour": "red"}, {"cursor": "%00"}, {"limit": "-1"},
        ],
    )  # fmt: skip
    def test_wrong_filters_are_refused_in_words(self, api, made, query):
        answer = api.get(f"reco-runs/{made.pk}/items/", query)
        assert answer.status_code == 400
        assert errors(answer)

    @pytest.mark.parametrize("key", ["0", "999999", "abc", "-1", "9" * 20, "%00"])
    @pytest.mark.parametrize("rest", ["", "items/", "exclusions/"])
    def test_a_run_that_is_not_there_is_not_found(self, api, key, rest):
        assert api.get(f"reco-runs/{key}/{rest}").status_code == 404

    def test_items_that_were_removed_are_said_to_be(self, api, made):
        RecoRun.objects.filter(pk=made.pk).update(is_current=False, items_dropped_at=timezone.now())
        answer = api.get(f"reco-runs/{made.pk}/items/")
        assert (answer.status_code, "were removed" in answer.json()["detail"]) == (404, True)


class TestStarting:
    def test_a_run_is_started_as_a_job_with_the_whole_hash(self, api):
        small_shop(customers=6)
        config = active_config()
        answer = api.post(
            "reco-runs/",
            {"as_of": DAY.isoformat(), "config": config.hash[:8], "customers": ["S001"]},
        )
        assert answer.status_code == 202

        job = Job.objects.get(kind="recommend")
        assert job.params["config"] == config.hash
        run_job(str(job.pk))

        job.refresh_from_db()
        assert job.status == Job.Status.SUCCEEDED, job.error
        run = RecoRun.objects.get()
        assert job.result["run_id"] == run.pk
        assert (run.origin, run.customers_chosen, run.is_current) == ("api", ["S001"], False)

    def test_a_job_that_cannot_be_done_fails_in_words(self, api):
        api.post("reco-runs/", {"customers": ["nobody"]})
        job = Job.objects.get()

        run_job(str(job.pk))

        job.refresh_from_db()
        assert (job.status, job.error) == ("failed", "No customer has the code nobody.")

    @pytest.mark.parametrize(
        "body",
        [
            {"as_of": "soon"}, {"as_of": ["2011-11-09"]}, {"day": "2011-11-09"}, [],
            {"config": "'; drop"}, {"config": "ffffffff"}, {"customers": []},
            {"customers": "S001"}, {"customers": [{"a": 1}]}, {"customers": ["x" * 65]},
            {"customers": ["\x00"]}, {"customers": ["c"] * 1001},
        ],
    )  # fmt: skip
    def test_wrong_bodies_are_refused(self, api, body):
        answer = api.post("reco-runs/", body)
        assert answer.status_code == 400
        assert errors(answer)
        assert not Job.objects.exists()

    def test_each_scope_allows_its_own(self, api, made):
        reader, other = api.with_scopes("recommendations:read"), api.with_scopes("rfm:read")
        writer = api.with_scopes("recommendations:write")
        paths = ["reco-runs/", f"reco-runs/{made.pk}/", f"reco-runs/{made.pk}/items/",
                 f"reco-runs/{made.pk}/exclusions/", "reco-configs/"]  # fmt: skip
        for path in paths:
            assert reader.get(path).status_code == 200, path
            assert other.get(path).status_code == 403, path
            assert writer.get(path).status_code == 403, path
        assert reader.post("reco-runs/", {}).status_code == 403
        for caller in (reader, writer):
            assert caller.post("reco-configs/", {}).status_code == 403
            key = made.config_id
            assert caller.post(f"reco-configs/{key}/activate/").status_code == 403


class TestSettings:
    def test_settings_are_written_compared_and_activated(self, api):
        old = active_config()
        answer = api.post(
            "reco-configs/",
            {"name": "Two at most", "values": {"max_recos": 2, "weights": {"family": 1}},
             "based_on": old.hash[:10], "comment": "Letters are short."},
        )  # fmt: skip
        assert answer.status_code == 201, answer.content
        body = answer.json()
        assert (body["status"], body["based_on"]) == ("draft", old.hash)
        assert body["values"]["weights"]["budget"] == old.values["weights"]["budget"]

        found = api.get(f"reco-configs/{old.pk}/diff/", {"to": body["hash"]}).json()
        assert found == [
            {"key": "max_recos", "before": 3, "after": 2},
            {"key": "weights.family", "before": 2.0, "after": 1.0},
        ]
        active = api.post(f"reco-configs/{body['id']}/activate/").json()
        assert (active["status"], active["hash"]) == ("active", body["hash"])
        old.refresh_from_db()
        assert old.status == "retired"
        assert RecoConfig.objects.active().count() == 1

    def test_the_very_same_values_are_refused(self, api):
        active_config()
        answer = api.post("reco-configs/", {"name": "Again", "values": {}})
        assert answer.status_code == 409
        assert "stored already" in answer.json()["detail"]

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"name": "x"}, {"name": "x", "values": []}, {"name": "", "values": {}},
            {"name": "x", "values": {"max_recos": "many"}},
            {"name": "x", "values": {"colour": "red"}},
            {"name": "x", "values": {"max_recos": -1}},
            {"name": "x", "values": {"weights": {"family": 1e300}}},
            {"name": "x", "values": {"slots": [[]]}},
            {"name": "x", "values": {"max_recos": 2}, "based_on": "ffffffff"},
            {"name": "x", "values": {"max_recos": 2}, "hash": "f" * 64},
        ],
    )  # fmt: skip
    def test_values_that_make_no_sense_are_refused_in_words(self, api, body):
        answer = api.post("reco-configs/", body)
        assert answer.status_code == 400
        assert errors(answer)
        assert not RecoConfig.objects.exists()

    @pytest.mark.parametrize("to", ["", "zzz", "ffffffff", "%00", "' or 1=1"])
    def test_a_comparison_with_nothing_is_refused(self, api, to):
        key = active_config().pk
        assert api.get(f"reco-configs/{key}/diff/", {"to": to}).status_code == 400
        assert api.get("reco-configs/999/diff/", {"to": "ffffffff"}).status_code == 404


class TestCommand:
    def test_it_prints_what_it_found(self):
        small_shop(customers=8)
        text = command(f"--as-of={DAY}")
        assert f"Recommendations as of {DAY}" in text
        assert "Products by scenario" in text
        assert RecoRun.objects.get().result_hash in text
        assert RecoRun.objects.get().origin == "command"

    def test_json_is_for_programs_and_a_dry_run_stores_nothing(self):
        small_shop(customers=8)
        facts = json.loads(command(f"--as-of={DAY}", "--json", "--dry-run"))
        assert facts["counts"]["customers"] == 8
        assert not RecoRun.objects.exists()
        assert not RecoItem.objects.exists()
        stored = json.loads(command(f"--as-of={DAY}", "--json"))
        assert stored["result_hash"] == facts["result_hash"]

    def test_settings_are_named_by_their_hash_and_customers_by_their_code(self):
        small_shop(customers=8)
        one = create_config(name="one each", values={"max_recos": 1, "slots": [{"open": 1}]})
        command(f"--as-of={DAY}", f"--config={one.hash[:8]}", "--customers", "S001", "S002")
        run = RecoRun.objects.get()
        assert (run.config, run.counts["customers"]) == (one, 2)
        assert set(RecoItem.objects.values_list("rank", flat=True)) <= {1}

    @pytest.mark.parametrize(
        "arguments",
        [["--config=ffffff"], ["--config=x"], ["--customers", "nobody"], ["--as-of=2999-01-01"]],
    )
    def test_what_makes_no_sense_is_refused_in_words(self, arguments):
        with pytest.raises(CommandError, match=r"\w+ \w+"):
            command(*arguments)
        assert not RecoRun.objects.exists()

    def test_a_day_before_the_current_one_says_that_it_went_into_the_history(self, made):
        text = command(f"--as-of={DAY - timedelta(days=30)}")
        assert "went into the history" in text


class TestSchedule:
    def test_the_nightly_tasks_recommend_and_thin(self):
        small_shop(customers=4)
        tasks.recommend_nightly()
        run = RecoRun.objects.get()
        assert (run.origin, run.is_current) == ("schedule", True)
        tasks.thin_recommendations_nightly()
        assert RecoRun.objects.kept().get() == run
