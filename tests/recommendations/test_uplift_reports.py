"""Reports of campaigns: both arms compared as of a day; what was not tested counts for nothing."""

import json

import pytest

from customers.models import ContactBlock
from orders.models import Order
from recommendations.models import Assignment, OutcomeEvent, UpliftReport
from recommendations.services.outcome_step import measure_outcomes
from recommendations.services.uplift import compute, report
from tests.factories import CampaignFactory
from tests.recommendations.outcome_support import (
    DRAWN,
    LATER,
    SENT,
    campaign_of,
    days,
    product,
    sale,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_large_lift_is_worth_knowing")]


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
