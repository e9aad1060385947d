"""Lists and exports obey the rules, as somebody sees it who only reads orders and contacts.

The checker knows nothing of the code that made them; it is shown here to find what is planted.
"""

from datetime import timedelta

import pgtrigger
import pytest
from django.utils import timezone

from orders.models import Product
from recommendations.models import Assignment, RecoItem
from recommendations.selectors.run_plan import plan_of
from recommendations.services.approvals import decide_run
from recommendations.services.audit import audit
from recommendations.services.configs import create_config
from recommendations.services.exports import export
from recommendations.services.runs import recommend
from tests.factories import CampaignFactory, ContactEventFactory, UserFactory
from tests.recommendations.checker import broken_exports, broken_rules
from tests.recommendations.run_shop import DAY, everybody_may_be_contacted, sell, small_shop

pytestmark = pytest.mark.django_db

LOOSE = {
    "winback_recency_days": 130,
    "rebuy_min_recency_days": 60,
    "cross_sell_min_support": 2,
    "upsell_any": True,
}
"""So that a small shop has customers of every scenario."""

SETTINGS = {
    "signals": {"mode": "signals", "scenario": LOOSE},
    "weighted": {"mode": "weighted", "scenario": LOOSE},
    "strict": {
        "mode": "weighted",
        "scenario": LOOSE | {"cross_sell_any": False, "nurture_max_orders": 1},
        "slots": [{"repeat": 2, "explore": 1, "open": 0, "min_orders": 0}],
    },
    "families twice": {"mode": "signals", "one_per_family": False, "scenario": LOOSE},
}


def made(values, newest=DAY, **shop):
    people, goods = small_shop(customers=160, products=24, newest=newest, **shop)
    everybody_may_be_contacted()
    config = create_config(name="Checked", values=values)
    run = recommend(as_of=newest, config=config)
    return run, plan_of(config=config, as_of=newest).settings, people, goods


@pytest.mark.parametrize("name", SETTINGS)
def test_no_offer_breaks_a_rule(name):
    run, settings, _, _ = made(SETTINGS[name])

    assert broken_rules(run, settings) == []
    offered = set(RecoItem.objects.filter(run=run).values_list("scenario", flat=True))
    assert {"WINBACK", "REBUY", "CROSS_SELL", "UPSELL", "NURTURE"} - offered <= {"NURTURE"}


@pytest.mark.parametrize(("days", "found"), [(59, True), (60, False)])
def test_a_purchase_of_fifty_nine_days_ago_is_found_and_one_of_sixty_is_not(days, found):
    run, settings, people, _ = made(SETTINGS["signals"])
    item = RecoItem.objects.filter(run=run, scenario="REBUY").select_related("product").first()
    person = next(one for one in people if one.pk == item.customer_id)
    sell([(person, DAY - timedelta(days=days), [item.product])])

    words = " ".join(broken_rules(run, settings))

    assert (f"{item.product_id} was bought {days} days ago" in words) is found


def test_what_is_planted_is_found():
    run, settings, _, goods = made(SETTINGS["signals"])
    item = RecoItem.objects.filter(run=run, rank=1).first()
    Product.objects.filter(pk=item.product_id).update(is_active=False)
    Product.objects.exclude(pk=item.product_id).update(family=goods[0].family)

    words = " ".join(broken_rules(run, settings))

    assert f"{item.product_id} is not for sale" in words
    assert "families twice" in words


class TestExports:
    @pytest.fixture
    def left(self):
        """An export of customers written to 134, 135 and 136 days ago, in turn; the rest never."""
        today = timezone.localdate()
        run, _, people, _ = made(SETTINGS["signals"], newest=today)
        noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
        days = {}
        for place, person in enumerate(people[20:80]):
            days[person.pk] = 134 + place % 3
            ContactEventFactory(customer=person, occurred_at=noon - timedelta(days=days[person.pk]))
        user = UserFactory(staff=True)
        audit(run=run)
        decide_run(run=run, decision="approved", user=user)
        campaign = CampaignFactory(code="checked", holdout_share="0.300")
        return export(run=run, campaign=campaign, user=user), days

    def test_only_who_may_leave_leaves_and_the_silence_ends_after_exactly_135_days(self, left):
        made_export, days = left
        gone = set(made_export.items.values_list("customer_id", flat=True))

        assert broken_exports(made_export) == []
        assert {days[who] for who in gone if who in days} == {135, 136}
        control = Assignment.objects.filter(campaign__code="checked", arm="control")
        held_back = set(control.values_list("customer_id", flat=True))
        assert held_back
        assert not held_back & gone

    def test_what_is_planted_is_found(self, left):
        made_export, _ = left
        first, second, third = (
            made_export.items.select_related("customer")
            .distinct("customer_id")
            .order_by("customer_id")[:3]
        )
        noon = timezone.localtime(made_export.created_at).replace(hour=12)
        ContactEventFactory(customer=first.customer, occurred_at=noon - timedelta(days=134))
        with pgtrigger.ignore("recommendations.Assignment:arm_stays"):
            Assignment.objects.filter(customer=second.customer).update(arm="control")
        RecoItem.objects.filter(pk=third.item_id, run=made_export.run).update(status="pending")

        words = broken_exports(made_export)

        assert f"{first.customer.code}: written to 134 days ago" in words
        assert f"{second.customer.code}: arm control" in words
        assert f"{third.customer.code}: item pending" in words
