"""The audit, decisions and exports over REST: who may, what it answers, what it refuses."""

import hashlib

import pytest

from crm_project.common import jobs
from crm_project.common.jobs import JobContext
from crm_project.common.models import Job
from customers.models import ContactPolicy
from recommendations.models import RecoDecision, RecoExport, RecoItem, RecoRun
from recommendations.services.approvals import decide_run
from recommendations.services.audit import audit
from tests.api import errors
from tests.factories import CampaignFactory, CustomerFactory, ProductFactory, UserFactory
from tests.recommendations.storage import make_run

pytestmark = pytest.mark.django_db


class Quiet:
    def report(self, done, total, message):
        pass


def do(response):
    """Do the job that an answer names, as a worker would; return its result."""
    assert response.status_code == 202, response.content
    job = Job.objects.get(pk=response.json()["job"]["id"])
    return jobs.find(job.kind).handler(JobContext(job, Quiet()))


@pytest.fixture
def run():
    ContactPolicy.objects.update(holdout_share=0)
    product = ProductFactory(key="P1")
    gone = ProductFactory(key="P2", is_active=False)
    good, bad = CustomerFactory(code="GOOD"), CustomerFactory(code="BAD")
    return make_run(
        [(good, product, 1, {"price": 5}), (bad, gone, 1, {"price": 5})],
        quality={"passed": True, "words": "Fine.", "findings": []},
    )


def test_a_run_is_audited_and_read(api, run):
    assert api.get("audit/gating").json()["reasons"] == ["The run was not audited yet."]
    assert api.get(f"reco-runs/{run.pk}/audit").json()["audited_at"] is None

    result = do(api.post(f"reco-runs/{run.pk}/audit", {"policy": "permissive"}))

    assert result == {
        "run_id": run.pk, "customers": 2, "exportable": 1, "mean_score": 80.0, "passed": True
    }  # fmt: skip
    told = api.get(f"reco-runs/{run.pk}/audit").json()
    assert told["findings"] == {"INACTIVE_PRODUCT": [1, 1]}
    assert told["statuses"] == {"pending": 2}
    assert told["gate"]["policy"] == "permissive"
    found = api.get(f"reco-runs/{run.pk}/findings", {"severity": "error"}).json()["results"]
    assert [(row["customer"], row["product"], row["words"]) for row in found] == [
        ("BAD", "P2", "The product is no longer offered.")
    ]
    assert api.get("audit/gating").json()["passed"]
    assert api.get("audit/quality").json()["words"] == "Fine."


def test_items_lists_and_runs_are_decided_on_and_the_log_is_read(api, run):
    audit(run=run)
    good, bad = RecoItem.objects.filter(run=run).order_by("id")
    assert len(api.get("audit/pending").json()["results"]) == 2

    flagged = api.post(f"reco-items/{bad.pk}/flag", {"comment": "Sold out?"})
    approved = api.post(f"reco-runs/{run.pk}/approve", {"only_passing": True})
    rejected = api.post(
        f"reco-runs/{run.pk}/reject", {"customer": "BAD", "comment": "It is indeed"}
    )

    assert [answer.status_code for answer in (flagged, approved, rejected)] == [201] * 3
    assert approved.json()["items"] == 1
    assert [item.status for item in RecoItem.objects.filter(run=run).order_by("id")] == [
        "approved", "rejected"
    ]  # fmt: skip
    assert api.get("audit/flagged", {"run": run.pk}).json()["results"] == []
    log = api.get(f"reco-runs/{run.pk}/decisions").json()["results"]
    assert [(row["level"], row["customer"], row["decision"]) for row in log] == [
        ("list", "BAD", "rejected"), ("run", None, "approved"), ("item", "BAD", "flagged")
    ]  # fmt: skip
    assert log[0]["user"] == api.user.username
    assert good.pk


def test_an_export_is_counted_made_listed_and_fetched(api, run):
    audit(run=run)
    decide_run(run=run, decision="approved", user=api.user)
    CampaignFactory(code="spring", holdout_share=0)

    told = api.post("reco-exports/preview", {"campaign": "spring"}).json()
    assert (told["customers"], told["left_out"]) == (1, {"AUDIT": 1})
    assert not RecoExport.objects.exists()
    result = do(api.post("reco-exports", {"campaign": "spring", "run": run.pk}))

    made = api.get(f"reco-exports/{result['export_id']}").json()
    assert made["manifest"]["sha256"] == made["sha256"]
    [listed] = api.get("reco-exports", {"campaign": "spring"}).json()["results"]
    assert listed["rows"] == 1
    items = api.get(f"reco-exports/{made['id']}/items").json()["results"]
    assert [(item["customer"], item["product"]) for item in items] == [("GOOD", "P1")]
    file = api.get(f"reco-exports/{made['id']}/file.csv")
    content = b"".join(file.streaming_content)
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert b"BAD" not in content


def test_under_four_eyes_the_starter_of_a_run_is_forbidden_to_approve(api, run):
    RecoRun.objects.filter(pk=run.pk).update(created_by=api.user)
    audit(run=run, policy="strict")
    item = RecoItem.objects.filter(run=run).first()

    answer = api.post(f"reco-items/{item.pk}/approve")

    assert answer.status_code == 403
    assert "somebody else approves it" in answer.json()["detail"]
    assert not RecoDecision.objects.exists()

    weaker = api.post(f"reco-runs/{run.pk}/audit", {"policy": "standard"})

    assert weaker.status_code == 403
    assert "Only somebody else" in weaker.json()["detail"]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "reco-runs/{run}/audit", "recommendations:read"),
        ("get", "reco-runs/{run}/findings", "recommendations:read"),
        ("get", "reco-runs/{run}/decisions", "recommendations:read"),
        ("get", "audit/pending", "recommendations:read"),
        ("get", "audit/flagged", "recommendations:read"),
        ("get", "audit/quality", "recommendations:read"),
        ("get", "audit/gating", "recommendations:read"),
        ("get", "reco-exports", "recommendations:read"),
        ("post", "reco-runs/{run}/audit", "recommendations:write"),
        ("post", "reco-runs/{run}/approve", "recommendations:approve"),
        ("post", "reco-items/{item}/reject", "recommendations:approve"),
        ("post", "reco-exports", "recommendations:export"),
        ("post", "reco-exports/preview", "recommendations:export"),
    ],
)
def test_each_way_in_asks_for_its_scope_and_staff_for_a_permission(
    api, run, client, method, path, scope
):
    path = path.format(run=run.pk, item=RecoItem.objects.filter(run=run).first().pk)
    everything_else = [
        name
        for name in (
            "recommendations:read", "recommendations:write", "recommendations:approve",
            "recommendations:export", "recommendations:configure",
        )
        if name != scope
    ]  # fmt: skip
    assert getattr(api.with_scopes(*everything_else), method)(path).status_code == 403
    assert getattr(api.with_scopes(scope), method)(path).status_code != 403
    client.force_login(UserFactory(staff=True))
    assert getattr(client, method)(f"/api/v1/{path}").status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("reco-runs/999999/audit", {}, 404),
        ("reco-runs/{run}/audit", {"policy": "lax"}, 400),
        ("reco-runs/{run}/audit", {"polisy": "strict"}, 400),
        ("reco-runs/{run}/approve", {}, 400),
        ("reco-runs/{run}/reject", {"comment": ""}, 400),
        ("reco-runs/{run}/reject", {"comment": "x" * 501}, 400),
        ("reco-runs/{run}/reject", {"comment": "x\u0000y"}, 400),
        ("reco-runs/{run}/reject", {"comment": ["x"]}, 400),
        ("reco-runs/{run}/flag", {"comment": "x", "customer": "NOBODY"}, 400),
        ("reco-items/999999999999999999/approve", {}, 404),
        ("reco-items/0/approve", {}, 404),
        ("reco-exports", {}, 400),
        ("reco-exports", {"campaign": "none"}, 400),
        ("reco-exports", {"campaign": "spring", "run": 2**40}, 400),
        ("reco-exports", {"campaign": "spring", "segment": "none"}, 400),
        ("reco-exports/preview", {"campaign": "spring"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(api, run, path, body, status):
    CampaignFactory(code="spring")

    answer = api.post(path.format(run=run.pk), body)

    assert answer.status_code == status, answer.content
    assert errors(answer)
    assert not Job.objects.exists()
    assert not RecoDecision.objects.exists()


@pytest.mark.parametrize("value", ["x", "0", "-1", str(2**31), "1\u00002"])
def test_a_run_that_is_no_number_or_unknown_is_refused(api, run, value):
    assert api.get("audit/pending", {"run": value}).status_code == 400


def test_lists_cost_the_same_queries_however_long(api, run, django_assert_max_num_queries):
    audit(run=run)
    for path in ("audit/pending", f"reco-runs/{run.pk}/findings", "reco-exports"):
        with django_assert_max_num_queries(8):
            assert api.get(path).status_code == 200
