"""What campaigns teach: settings that a person may activate, and how often offers were taken."""

import pytest

from recommendations.models import RecoConfig, RecoExport, RecoExportItem, UpliftReport
from recommendations.selectors.outcomes import taken
from recommendations.services.configs import active_config
from recommendations.services.learning import propose
from recommendations.services.outcome_step import measure_outcomes
from recommendations.services.outcomes import record_outcome
from tests.factories import CampaignFactory, CustomerFactory
from tests.recommendations.outcome_support import (
    LATER,
    SENT,
    campaign_of,
    days,
    drawn,
    product,
    sale,
)
from tests.recommendations.storage import items_of, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_large_lift_is_worth_knowing")]


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
