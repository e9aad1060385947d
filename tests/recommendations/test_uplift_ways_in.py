"""The command, the API, the page and the step of the pipeline that measure and report outcomes."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.services.pipeline_registry import find
from crm_project.common.models import Job
from recommendations.models import OutcomeEvent, RecoConfig, UpliftReport
from recommendations.selectors.outcomes import taken
from recommendations.services.outcome_step import measure_outcomes
from tests.analytics.admin_pages import allow
from tests.api import Api, errors
from tests.factories import CustomerFactory, UserFactory
from tests.recommendations.outcome_support import LATER, campaign_of, product
from tests.recommendations.storage import items_of, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_large_lift_is_worth_knowing")]

PAGE = "admin:recommendations_outcomes"


def test_the_command_measures_reports_and_proposes():
    out = StringIO()
    call_command("attribute_outcomes", "--as-of", "2026-09-01", stdout=out)
    assert "No customer was drawn" in out.getvalue()
    campaign_of((600, 240), (600, 120), name="Spring")
    campaign_of((600, 120), (600, 120), scenario="UPSELL")

    out = StringIO()
    call_command("attribute_outcomes", "--as-of", "2026-09-01", "--propose", stdout=out)
    words = out.getvalue()
    out = StringIO()
    call_command("attribute_outcomes", "--as-of", "2026-09-01", "--all", "--json", stdout=out)
    facts = json.loads(out.getvalue())

    assert "40.0 % of 600, 20.0 % of 600 held back: +20.0 points" in words
    assert "Proposed settings" in words
    assert facts["reports"][1]["overall"]["enough"] is True
    with pytest.raises(CommandError, match="still to come"):
        call_command("attribute_outcomes", "--as-of", "2099-01-01")


def test_programs_read_reports_and_have_them_made():
    campaign = campaign_of((60, 24), (60, 12), code="spring")
    measure_outcomes(as_of=LATER)
    api = Api("outcomes:read", "outcomes:write", "jobs:read")

    listed = api.get("uplift", {"campaign": "spring"}).json()["results"]
    with CaptureQueriesContext(connection) as queries:
        detail = api.get(f"uplift/{listed[0]['id']}").json()
    made = api.post("uplift", {"as_of": "2026-09-01"})

    assert [row["campaign"] for row in listed] == [campaign.code]
    assert api.get("uplift", {"overall": "true"}).json()["results"][0]["campaign"] is None
    assert detail["results"]["overall"]["reason"].startswith("Not enough data")
    assert len(queries) <= 8
    assert (made.status_code, Job.objects.get().kind) == (202, "measure_outcomes")
    assert api.get("uplift/999999").status_code == 404
    assert errors(api.post("uplift", {"as_of": "tomorrow"})) == {"as_of": "invalid"}
    assert errors(api.get("uplift", {"campaign": "\x00"}))
    reader = api.with_scopes("outcomes:read")
    assert reader.post("uplift", {}).status_code == 403
    assert api.with_scopes("customers:read").get("uplift").status_code == 403


def test_programs_report_answers_once_and_hostile_ones_are_refused_in_words():
    run = make_run([(CustomerFactory(code="C1"), product(key="P1"), 1)])
    [item] = items_of(run)
    api = Api("outcomes:write")
    path = f"reco-items/{item.pk}/outcome"

    first = api.post(path, {"kind": "accepted", "external_id": "a1"})
    again = api.post(path, {"kind": "accepted", "external_id": "a1"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (first.json()["customer"], first.json()["product"]) == ("C1", "P1")
    assert api.post(path, {"kind": "rejected", "external_id": "a1"}).status_code == 409
    for body in (
        {},
        {"kind": "purchase"},
        {"kind": "satisfaction"},
        {"kind": "satisfaction", "value": 7},
        {"kind": "accepted", "value": 0.5},
        {"kind": "accepted", "occurred_at": "yesterday"},
        {"kind": "accepted", "occurred_at": (timezone.now() + timedelta(days=1)).isoformat()},
        {"kind": "accepted", "external_id": "x" * 201},
        {"kind": "accepted", "external_id": "\x00"},
        {"kind": "accepted", "customer": "C2"},
    ):
        assert 400 <= api.post(path, body).status_code < 410, body
    for missing in (item.pk + 1, 1, 10**17, 999_999_999_999_999_999):
        assert api.post(f"reco-items/{missing}/outcome", {"kind": "accepted"}).status_code == 404
    assert api.with_scopes("outcomes:read").post(path, {"kind": "accepted"}).status_code == 403
    assert OutcomeEvent.objects.count() == 1


def staff(*permissions):
    user = UserFactory(staff=True)
    allow(user, *permissions)
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_the_lift_and_its_lists_open():
    campaign_of((600, 240), (600, 120), name="Spring & co", code="spring", cost=1_000)
    campaign_of((200, 40), (200, 40), scenario="UPSELL")
    measure_outcomes(as_of=LATER)
    client = staff("view_upliftreport", "view_assignment", "view_outcomeevent",
                   "add_upliftreport", "add_recoconfig", "view_recoconfig")  # fmt: skip

    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse(PAGE)).content.decode()
    one = client.get(reverse(PAGE), {"campaign": "spring", "as_of": "2026-09-01"})
    odd = client.get(reverse(PAGE), {"campaign": "\x00", "as_of": "2026-99-99"})

    assert "Spring &amp; co" in page
    assert "+15.00 points" in page
    assert "35.0 % of those written to bought" in page
    assert "+20.00 points" in one.content.decode()
    assert len(queries) <= 16
    assert (one.status_code, odd.status_code) == (200, 200)
    for name in ("assignment", "outcomeevent", "upliftreport"):
        found = client.get(reverse(f"admin:recommendations_{name}_changelist"), {"q": "spring-1"})
        assert found.status_code == 200
    pk = UpliftReport.objects.get(campaign=None).pk
    assert client.get(reverse("admin:recommendations_upliftreport_change", args=[pk]))["Location"]
    proposed = client.post(reverse(f"{PAGE}_propose"))
    assert proposed["Location"] == reverse(
        "admin:recommendations_recoconfig_change",
        args=[RecoConfig.objects.get(status="proposed").pk],
    )
    assert client.post(reverse(f"{PAGE}_measure")).status_code == 302
    assert Job.objects.filter(kind="measure_outcomes").exists()


def test_the_page_says_what_is_missing_and_keeps_others_out():
    reader = staff("view_upliftreport")

    empty = reader.get(reverse(PAGE)).content.decode()
    campaign_of((60, 6), (60, 3))
    waiting = reader.get(reverse(PAGE)).content.decode()
    measure_outcomes(as_of=LATER)
    page = reader.get(reverse(PAGE)).content.decode()

    assert "No customer was drawn" in empty
    assert "Nothing was measured yet" in waiting
    assert "more customers needed" in page
    assert "Measure now" not in page
    assert reader.post(reverse(f"{PAGE}_measure")).status_code == 403
    assert reader.post(reverse(f"{PAGE}_propose")).status_code == 403
    assert staff().get(reverse(PAGE)).status_code == 403


def test_the_step_of_the_pipeline_is_the_last_one():
    assert find("outcomes").position == 120
    assert taken(until=timezone.now()) == []
