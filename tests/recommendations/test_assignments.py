"""Arms: drawn by a hash, stored before the contact, never changed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_project.common.exceptions import CrmError
from customers.models import Customer
from recommendations.models import Assignment, OutcomeWindow
from recommendations.scoring.assignment import arm_of, draw, sample_ratio
from recommendations.services.assignments import assign, preview
from tests.factories import CampaignFactory

pytestmark = pytest.mark.django_db


def make_customers(count, prefix="C"):
    rows = Customer.objects.bulk_create(Customer(code=f"{prefix}{n}") for n in range(count))
    return {row.pk: row.code for row in rows}


def test_the_database_draws_the_same_arms_as_the_rule_and_about_the_share(settings):
    settings.CRM_ASSIGNMENT_SALT = "sälz"
    campaign = CampaignFactory(code="spring", holdout_share="0.100")
    codes = make_customers(2_000)

    promised = preview(campaign=campaign, customers=list(codes))
    arms = assign(campaign=campaign, customers=list(codes))

    rule = {
        pk: arm_of(salt="sälz", campaign="spring", customer=code, share=0.1)
        for pk, code in codes.items()
    }
    controls = sum(arm == "control" for arm in arms.values())
    assert arms == rule == promised
    assert sample_ratio(controls=controls, strata=[(2_000, 0.1)]).ok


def test_an_arm_stays_when_share_salt_scenario_and_run_change(settings):
    campaign = CampaignFactory(holdout_share="0.500")
    codes = make_customers(60)
    before = assign(
        campaign=campaign, customers=list(codes), segments=dict.fromkeys(codes, "Loyal")
    )
    campaign.holdout_share = Decimal(0)
    campaign.save()
    settings.CRM_ASSIGNMENT_SALT = "another"

    more = make_customers(40, prefix="D")
    after = assign(campaign=campaign, customers=[*codes, *more])

    assert {pk: after[pk] for pk in codes} == before
    assert {after[pk] for pk in more} == {"treatment"}
    assert set(before.values()) == {"treatment", "control"}
    stored = Assignment.objects.filter(campaign=campaign)
    assert set(stored.values_list("salt", flat=True)) == {"arms"}
    assert stored.filter(customer__in=codes, segment="Loyal", share="0.5").count() == 60


def test_another_campaign_draws_anew_and_windows_are_kept_with_the_assignment():
    OutcomeWindow.objects.create(scenario="WINBACK", days=60)
    first, second = CampaignFactory(holdout_share="0.5"), CampaignFactory(holdout_share="0.5")
    codes = list(make_customers(64))
    scenarios = {codes[0]: "WINBACK", codes[1]: "REBUY"}

    one = assign(campaign=first, customers=codes, scenarios=scenarios)
    two = assign(campaign=second, customers=[*codes, codes[0]])

    assert one != two
    assert len(two) == 64
    days = dict(first.assignments.values_list("customer_id", "window_days"))
    assert (days[codes[0]], days[codes[1]]) == (60, 30)


def test_nobody_is_no_work_and_an_unknown_customer_stores_nothing():
    campaign = CampaignFactory()
    [known] = make_customers(1)

    assert assign(campaign=campaign, customers=[]) == {}
    with pytest.raises(CrmError, match="1 of the customers do not exist"):
        assign(campaign=campaign, customers=[known, known + 999])
    assert not Assignment.objects.exists()


@given(st.text(), st.text(), st.text())
def test_a_draw_is_a_place_from_0_to_1(salt, scope, customer):
    assert 0 <= draw(salt, scope, customer) < 1


def test_arms_of_unlike_sizes_are_noticed_also_over_several_shares():
    assert sample_ratio(controls=150, strata=[(1_000, 0.1), (100, 0.5)]).ok
    assert not sample_ratio(controls=190, strata=[(1_000, 0.1), (100, 0.5)]).ok
    assert not sample_ratio(controls=1, strata=[(50, 0.0)]).ok
