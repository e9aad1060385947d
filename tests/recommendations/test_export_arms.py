"""No control customer leaves, and nobody for two campaigns at a time."""

from datetime import timedelta

import pgtrigger
import pytest
from django.db import transaction
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import ContactPolicy
from recommendations.models import Assignment
from recommendations.selectors.contactability import decide
from recommendations.services.audit import audit
from recommendations.services.exports import export, preview_export
from tests.factories import CampaignFactory, ContactEventFactory, CustomerFactory
from tests.recommendations.export_support import approved, lines

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_held_out")]


def test_the_control_arm_never_leaves_and_is_drawn_before(user):
    campaign = CampaignFactory(code="half", holdout_share="0.5")
    customers = [CustomerFactory() for _ in range(18)]
    run = approved(*customers, user=user)
    told = preview_export(run=run, campaign=campaign)

    made = export(run=run, campaign=campaign, user=user)

    control = set(Assignment.objects.filter(arm="control").values_list("customer__code", flat=True))
    left = {row["customer"] for row in lines(made)}
    assert control
    assert left
    assert not control & left
    assert control | left == {customer.code for customer in customers}
    assert (told.customers, told.rows, told.control) == (len(left), len(left), len(control))
    assert made.manifest["control"] == len(control)
    # Asked again, nobody leaves twice and no arm changes.
    with pytest.raises(CrmError, match="ALREADY_EXPORTED"):
        export(run=run, campaign=campaign, user=user)


def test_who_was_written_to_before_an_arm_was_drawn_stays_and_keeps_nobody_back(user):
    ship = CampaignFactory(code="ship", holdout_share=0)
    stays, written = CustomerFactory(), CustomerFactory()
    run = approved(stays, written, user=user)
    # So long ago that the silence window does not keep the customer.
    before = timezone.now() - timedelta(days=200)
    ContactEventFactory(customer=written, campaign=ship, occurred_at=before)

    made = export(run=run, campaign=ship, user=user)

    assert [row["customer"] for row in lines(made)] == [stays.code]
    assert made.left_out == {"LATE": 1}


def test_nobody_leaves_who_is_held_out_in_the_quarter_of_the_campaign(user):
    customers = CustomerFactory.create_batch(18)
    run = approved(*customers, user=user)
    ContactPolicy.objects.update(holdout_share="0.5")
    later = timezone.now() + timedelta(days=95)
    campaign = CampaignFactory(code="next", holdout_share=0, contact_at=later)

    made = export(run=run, campaign=campaign, user=user)

    left = list(made.items.values_list("customer_id", flat=True))
    found = decide(customer_ids=left, channel="email", campaign=campaign, at=later)
    assert left
    assert all(one.allowed for one in found.values())


def test_an_audit_after_the_export_finds_a_leak_if_somebody_turned_an_arm(user, campaign):
    run = approved(CustomerFactory(), user=user)
    export(run=run, campaign=campaign, user=user)
    with pgtrigger.ignore("recommendations.Assignment:arm_stays"):
        Assignment.objects.update(arm="control")

    result = audit(run=run)

    assert result.findings["CONTROL_LEAK"] == (1, 1)
    assert not result.gate["passed"]


def test_who_left_for_another_campaign_a_moment_ago_stays(user, settings):
    first, second = (CampaignFactory(holdout_share=0) for _ in range(2))
    one, two = CustomerFactory(), CustomerFactory()
    export(run=approved(one, user=user), campaign=first, user=user)
    # No contact is reported yet: only the export tells that a letter is on its way.
    run = approved(one, two, user=user)

    assert preview_export(run=run, campaign=second).left_out == {"JUST_EXPORTED": 1}
    made = export(run=run, campaign=second, user=user)
    settings.CRM_EXPORT_PAUSE_DAYS = 0
    again = preview_export(run=run, campaign=CampaignFactory(holdout_share=0))

    assert [row["customer"] for row in lines(made)] == [two.code]
    assert again.customers == 2


@pytest.mark.django_db(transaction=True)
def test_two_campaigns_do_not_choose_the_same_customers_at_the_same_moment(user, in_thread):
    customer = CustomerFactory()
    runs = [approved(customer, user=user) for _ in range(2)]
    campaigns = [CampaignFactory(holdout_share=0) for _ in range(2)]
    with transaction.atomic():
        export(run=runs[0], campaign=campaigns[0], user=user)
        with pytest.raises(ConflictError, match="right now"):
            in_thread(export, run=runs[1], campaign=campaigns[1], user=user)()

    with pytest.raises(CrmError, match="JUST_EXPORTED 1"):
        export(run=runs[1], campaign=campaigns[1], user=user)
