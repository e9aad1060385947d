"""Reports of campaigns, what they teach, and every way in to them."""

import json
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.services.pipeline_registry import find
from crm_project.common.models import Job
from customers.models import ContactBlock, Customer
from orders.models import Order, OrderItem
from recommendations.models import (
    Assignment,
    OutcomeEvent,
    RecoConfig,
    RecoExport,
    RecoExportItem,
    UpliftReport,
)
from recommendations.scoring import uplift
from recommendations.scoring.intervals import bootstrap
from recommendations.selectors.outcomes import taken
from recommendations.services.configs import active_config
from recommendations.services.learning import propose
from recommendations.services.outcome_step import measure_outcomes
from recommendations.services.outcomes import record_outcome
from recommendations.services.uplift import compute, report
from tests.api import Api, errors
from tests.factories import CampaignFactory, CustomerFactory, UserFactory
from tests.recommendations.outcome_support import DRAWN, LATER, SENT, days, drawn, product, sale
from tests.recommendations.storage import items_of, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_large_lift_is_worth_knowing(settings, monkeypatch):
    settings.CRM_SMALLEST_LIFT = 0.5
    # What the intervals hold is counted elsewhere; here they only have to be there.
    monkeypatch.setattr(uplift, "bootstrap", partial(bootstrap, draws=200))


def campaign_of(
    treated, controls, *, scenario="REBUY", segment="Loyal", amount=20, share=None, **fields
):
    """A campaign whose windows are over. ``treated`` and ``controls``: (customers, buyers)."""
    share = share or round(controls[0] / (treated[0] + controls[0]), 3)
    campaign = CampaignFactory(holdout_share=str(share), contact_at=SENT, **fields)
    lemon = product(cost="5.00")
    plan = [("treatment", n < treated[1]) for n in range(treated[0])]
    plan += [("control", n < controls[1]) for n in range(controls[0])]
    customers = Customer.objects.bulk_create(
        Customer(code=f"{campaign.code}-{n}") for n in range(len(plan))
    )
    Assignment.objects.bulk_create(
        Assignment(campaign=campaign, customer=customer, arm=arm, scenario=scenario,
                   segment=segment, salt="arms", share=share, assigned_at=DRAWN)
        for customer, (arm, _) in zip(customers, plan, strict=True)
    )  # fmt: skip
    orders = Order.objects.bulk_create(
        Order(source=campaign.code, number=str(n), customer=customer, ordered_at=SENT + days(3),
              net_amount=amount, gross_amount=amount, currency="GBP")
        for n, (customer, (_, buys)) in enumerate(zip(customers, plan, strict=True)) if buys
    )  # fmt: skip
    OrderItem.objects.bulk_create(
        OrderItem(order=order, ordinal=1, product=lemon, quantity=1, unit_price=amount)
        for order in orders
    )
    return campaign


def test_a_report_compares_both_arms_and_says_what_it_means():
    campaign = campaign_of((600, 240), (600, 120), cost=1_000)
    customer = campaign.assignments.filter(arm="treatment").first().customer
    ContactBlock.objects.create(
        customer=customer, kind="optout", source="mail", since=SENT + days(1)
    )

    found = measure_outcomes(as_of=LATER)

    whole, one = found.reports
    overall = one.results["overall"]
    assert (whole.campaign, one.campaign) == (None, campaign)
    assert overall["conversion"]["value"] == pytest.approx(0.2)
    assert overall["conversion"]["low"] > 0.14
    assert overall["revenue"]["value"] == pytest.approx(4.0)
    assert overall["incremental_revenue"]["value"] == pytest.approx(2_400)
    assert (overall["margin_source"], overall["roi"]["value"]) == ("costs", pytest.approx(0.8))
    assert overall["treated"]["unsubscribed"] == 1
    assert one.words[0].startswith("40.0 % of those written to bought, 20.0 % of those held back")
    assert [row["name"] for row in one.results["scenarios"]] == ["Buy again"]
    assert one.results["levels"] == [
        {"level": 1, "name": "something else", "orders": 240, "amount": 4_800.0}
    ]
    assert found.attributed.orders == 240


def test_a_report_of_a_day_is_the_same_whatever_comes_later():
    campaign = campaign_of((300, 60), (300, 30))
    day = (SENT + days(31)).date()
    before = json.dumps(compute(campaign=campaign, as_of=day), sort_keys=True)
    measure_outcomes(as_of=day)
    unmeasured = json.loads(before)

    # Later: another campaign, an order, a return, a contact that is reported.
    campaign_of((30, 3), (30, 3))
    kept = Order.objects.filter(source=campaign.code).earliest("id")
    Order.objects.create(source="later", number="1", customer=kept.customer, net_amount=5,
                         gross_amount=5, currency="GBP", ordered_at=SENT + days(33))  # fmt: skip
    Order.objects.create(source="later", number="2", customer=kept.customer, net_amount=20,
                         gross_amount=20, currency="GBP", kind="return",
                         ordered_at=SENT + days(32))  # fmt: skip
    measured = compute(campaign=campaign, as_of=day)
    measure_outcomes(as_of=LATER)

    assert unmeasured["counts"]["unsent"] == 600
    assert measured["counts"]["measured"] == 600
    assert measured["overall"]["treated"]["buyers"] == 60
    assert compute(campaign=campaign, as_of=day) == measured
    assert compute(campaign=campaign, as_of=LATER)["overall"]["treated"]["buyers"] == 59
    assert report(campaign=campaign, as_of=day).results == json.loads(json.dumps(measured))


def test_an_order_in_two_windows_counts_in_both_comparisons_but_is_attributed_once():
    first = campaign_of((20, 0), (20, 0))
    second = CampaignFactory(holdout_share="0.5", contact_at=SENT + days(2))
    row = first.assignments.filter(arm="treatment").first()
    Assignment.objects.create(campaign=second, customer=row.customer, arm="treatment", salt="a",
                              share="0.5", assigned_at=DRAWN)  # fmt: skip
    order = sale(row.customer, SENT + days(3), [(product(), 5)])

    measure_outcomes(as_of=LATER)

    assert OutcomeEvent.objects.get(order=order).assignment.campaign == second
    for campaign in (first, second):
        found = UpliftReport.objects.get(campaign=campaign).results
        assert found["overall"]["treated"]["buyers"] == 1


def test_a_campaign_that_held_nobody_back_adds_neither_money_nor_cost_to_the_others():
    campaign_of((600, 240), (600, 120), cost=300)
    measure_outcomes(as_of=LATER)
    alone = compute(campaign=None, as_of=LATER)["overall"]
    untested = campaign_of((900, 90), (0, 0), cost=5_000)
    measure_outcomes(as_of=LATER)

    found = compute(campaign=None, as_of=LATER)

    for name in ("customers", "conversion", "incremental_revenue", "cost", "roi"):
        assert found["overall"][name] == alone[name]
    assert "900 customers of campaigns that held nobody back" in " ".join(found["words"])
    own = next(row for row in found["campaigns"] if row["key"] == untested.code)
    assert "Nobody was held back" in own["reason"]


def test_a_campaign_whose_arms_have_wrong_sizes_does_not_hide_among_others():
    # One has too many controls, one too few: in the sum of both nothing is wrong.
    campaign_of((600, 120), (400, 160), code="many", share=0.3)
    campaign_of((800, 320), (200, 20), code="few", share=0.3)
    campaign_of((600, 120), (600, 120), code="fair")
    measure_outcomes(as_of=LATER)

    found = compute(campaign=None, as_of=LATER)

    assert found["overall"]["customers"] == 1_200
    assert found["overall"]["conversion"]["value"] == 0
    assert "sizes that were drawn: few, many." in " ".join(found["words"])
    reasons = {row["key"]: row["reason"] for row in found["campaigns"]}
    assert not reasons["fair"]
    assert all("sizes" in reasons[code] for code in ("many", "few"))


def test_outcomes_propose_settings_that_only_a_person_activates():
    campaign_of((600, 240), (600, 120), scenario="REBUY")
    campaign_of((600, 120), (600, 120), scenario="REBUY", segment="Lost")
    campaign_of((600, 60), (600, 60), scenario="UPSELL")
    campaign_of((100, 60), (100, 20), scenario="WINBACK")
    measure_outcomes(as_of=LATER)
    active = active_config()

    first = propose(as_of=LATER)
    again = propose(as_of=LATER)

    values = first.config.values
    assert first.config.status == RecoConfig.Status.PROPOSED
    assert first.config.parent == active == active_config()
    assert values["multipliers"]["UPSELL"] < active.values["multipliers"]["UPSELL"]
    assert values["multipliers"]["WINBACK"] == active.values["multipliers"]["WINBACK"]
    by_segment = values["segment_multipliers"]["REBUY"]
    assert by_segment["Loyal"] > values["multipliers"]["REBUY"] > by_segment["Lost"]
    assert any("WINBACK: too few" in words for words in first.words)
    assert again.config is None
    assert "stored already" in again.words[-1]


def test_campaigns_with_unlike_shares_teach_no_lift_that_is_not_there():
    # Both arms buy alike in each; added up, those written to seem to buy far less.
    campaign_of((300, 120), (300, 120), scenario="REBUY")
    campaign_of((900, 45), (100, 5), scenario="REBUY")
    campaign_of((300, 60), (300, 60), scenario="UPSELL")
    measure_outcomes(as_of=LATER)

    found = propose(as_of=LATER)

    assert [one.lift for one in found.learning.scenarios] == pytest.approx([0.0, 0.0])
    assert [one.lift for one in found.learning.cells] == pytest.approx([0.0, 0.0])
    assert [one.treated for one in found.learning.cells] == [1_200, 300]
    assert not found.learning.proposes


def test_arms_of_wrong_sizes_teach_nothing_and_nothing_learned_proposes_nothing():
    campaign = campaign_of((600, 240), (600, 120), code="odd", share=0.1)
    measure_outcomes(as_of=LATER)

    found = propose(as_of=LATER)

    assert found.config is None
    assert "odd" in found.words[1]
    told = UpliftReport.objects.get(campaign=campaign)
    assert "sizes that were drawn" in told.words[0]
    assert told.results["overall"]["conversion"] is None


def test_how_often_a_product_was_taken_is_counted_from_what_left():
    red, white = product(key="red"), product(key="white")
    customers = CustomerFactory.create_batch(3)
    run = make_run(
        [(one, item, rank) for one in customers for rank, item in ((1, red), (2, white))]
    )
    campaign = CampaignFactory()
    export = RecoExport.objects.create(
        run=run, campaign=campaign, channel="email", manifest={}, purpose="marketing",
        sha256="0" * 64, customers=3, rows=6,
    )  # fmt: skip
    for item in items_of(run):
        RecoExportItem.objects.create(export=export, customer_id=item.customer_id, rank=item.rank,
                                      product_id=item.product_id, item_id=item.pk,
                                      scenario="REBUY")  # fmt: skip
    for one in customers:
        drawn(campaign, one, run=run, export=export)
    sale(customers[0], SENT + days(1), [(red, 5), (white, 5)])
    measure_outcomes(as_of=LATER)
    record_outcome(item=items_of(run)[3], kind="accepted", occurred_at=SENT + days(2))

    found = taken(until=SENT + days(40))

    assert found == [("red", "REBUY", 1, 3), ("white", "REBUY", 1, 3)]


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
    for name in permissions:
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label="recommendations", codename=name)
        )
    client = Client()
    client.force_login(user)
    return client


PAGE = "admin:recommendations_outcomes"


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
