"""Orders that followed a contact: only later ones, for the campaign that touched last."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import RefreshState
from orders.models import Order
from recommendations.models import Assignment, OutcomeEvent
from recommendations.services import outcomes
from recommendations.services.outcomes import attribute, record_outcome
from tests.analytics.support import at
from tests.factories import CampaignFactory, CustomerFactory
from tests.recommendations.outcome_support import (
    DRAWN,
    LATER,
    SENT,
    came_back,
    contact,
    days,
    drawn,
    product,
    sale,
)
from tests.recommendations.storage import items_of, make_run

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)


def purchases():
    rows = OutcomeEvent.objects.filter(kind="purchase").order_by("occurred_at", "id")
    return list(rows.values_list("order_id", "match_level", "last_touch_reco_rank"))


def test_an_order_counts_when_it_lies_after_the_contact_and_within_the_window():
    campaign, lemon = CampaignFactory(), product()
    customer = CustomerFactory()
    drawn(campaign, customer)
    for moment in (SENT - days(1), SENT - MOMENT, SENT, SENT + days(30) + MOMENT):
        sale(customer, moment, [(lemon, 5)])
    inside = [sale(customer, SENT + gap, [(lemon, 5)]) for gap in (MOMENT, days(30))]
    sale(customer, SENT + days(1), [(lemon, 5)], status="cancelled")
    sale(customer, SENT + days(1), [(lemon, 5)], status="pending")
    sale(CustomerFactory(), SENT + days(1), [(lemon, 5)])

    found = attribute(as_of=LATER)

    assert [row[0] for row in purchases()] == [order.pk for order in inside]
    assert (found.written, found.removed, found.orders) == (2, 0, 2)


def test_the_level_says_how_near_the_order_is_to_the_offer_and_keeps_the_best_rank():
    red, other_red, white, plain = product("red"), product("red"), product("white"), product()
    customer, campaign = CustomerFactory(), CampaignFactory()
    run = make_run([(customer, white, 1), (customer, red, 2), (customer, plain, 3)])
    drawn(campaign, customer, run=run)
    orders = [
        sale(customer, SENT + days(1), [(other_red, 5), (plain, 5), (red, 5)]),
        sale(customer, SENT + days(2), [(other_red, 5)]),
        sale(customer, SENT + days(3), [(product(), 5)]),
        sale(customer, SENT + days(4), [(product("blue"), 5), (plain, 1)]),
    ]

    attribute(as_of=LATER)

    assert purchases() == [
        (orders[0].pk, 3, 2),
        (orders[1].pk, 2, None),
        (orders[2].pk, 1, None),
        (orders[3].pk, 3, 3),
    ]
    same = OutcomeEvent.objects.get(order=orders[0])
    assert (same.product, same.item_id) == (red, items_of(run)[1].pk)


def test_the_campaign_that_touched_last_gets_the_order_and_a_control_never_does():
    customer, lemon = CustomerFactory(), product()
    first, second, third = CampaignFactory(), CampaignFactory(), CampaignFactory()
    drawn(first, customer)
    last = drawn(second, customer, sent=SENT + days(5))
    drawn(third, customer, "control")
    contact(third, customer, SENT + days(6))
    early = sale(customer, SENT + days(4), [(lemon, 5)])
    late = sale(customer, SENT + days(7), [(lemon, 5)])

    attribute(as_of=LATER)

    owners = dict(OutcomeEvent.objects.values_list("order_id", "assignment__campaign_id"))
    assert owners == {early.pk: first.pk, late.pk: second.pk}
    assert last.outcomes.count() == 1


def test_what_came_back_within_60_days_is_taken_off_once_and_earns_nothing():
    cheap, dear = product(cost="1.00"), product(cost="6.00")
    customer = CustomerFactory()
    drawn(CampaignFactory(), customer)
    sale(customer, SENT - days(1), [(cheap, 10)])
    order = sale(customer, SENT + days(2), [(cheap, 20, 10), (dear, 10)])
    unknown = sale(customer, SENT + days(3), [(product(), 7)])
    came_back(customer, SENT + days(1), [(cheap, 10)])
    came_back(customer, SENT + days(30), [(cheap, 5)])
    came_back(customer, SENT + days(62), [(dear, 99)])
    came_back(customer, SENT + days(62) + MOMENT, [(cheap, 5)])

    attribute(as_of=LATER)

    found = OutcomeEvent.objects.get(order=order)
    # 5 of 20 and all of the dear one came back; three quarters of 20 - 10 were earned.
    assert (found.amount, found.returned_amount) == (Decimal("15.00"), Decimal("15.00"))
    assert (found.margin, found.items) == (Decimal("7.50"), 2)
    assert OutcomeEvent.objects.get(order=unknown).margin is None


def test_a_later_look_brings_it_up_to_date_and_a_second_one_changes_nothing():
    customer, lemon = CustomerFactory(), product()
    drawn(CampaignFactory(), customer)
    kept, cancelled = (sale(customer, SENT + days(n), [(lemon, 5)]) for n in (1, 2))
    attribute(as_of=SENT.date() + days(10))
    before = OutcomeEvent.objects.get(order=kept)
    Order.objects.filter(pk=cancelled.pk).update(status="cancelled")
    came_back(customer, SENT + days(11), [(lemon, 2)])

    second = attribute(as_of=SENT.date() + days(12))
    again = attribute(as_of=SENT.date() + days(12), everything=True)

    after = OutcomeEvent.objects.get(order=kept)
    assert (after.pk, before.amount, after.amount) == (before.pk, 5, 3)
    assert (second.written, second.removed, second.orders) == (1, 1, 1)
    assert (again.written, again.removed, again.contacted) == (0, 0, 0)
    with pytest.raises(CrmError, match="known up to 2026-03-14 already"):
        attribute(as_of=SENT.date())


def test_nothing_after_the_day_has_any_influence():
    customer, lemon = CustomerFactory(), product()
    drawn(CampaignFactory(), customer)
    sale(customer, SENT + days(1), [(lemon, 5)])
    day = SENT.date() + days(5)
    sale(customer, at(day + days(1), "00:00"), [(lemon, 5)])
    came_back(customer, SENT + days(6), [(lemon, 5)])
    drawn(CampaignFactory(), CustomerFactory(), sent=SENT + days(9))

    attribute(as_of=day)

    assert [row.amount for row in OutcomeEvent.objects.all()] == [5]
    assert Assignment.objects.filter(contacted_at=None).count() == 1
    with pytest.raises(CrmError, match="still to come"):
        attribute(as_of=at("2099-01-01").date())


def test_both_arms_are_measured_over_the_same_times():
    campaign = CampaignFactory(holdout_share="0.5")
    moments = [SENT, SENT + days(1), SENT + days(2)]
    for moment in moments:
        drawn(campaign, CustomerFactory(), sent=moment)
    failed = drawn(campaign, CustomerFactory(), sent=None)
    contact(campaign, failed.customer, SENT, status="failed")
    controls = [drawn(campaign, CustomerFactory(), "control") for _ in range(20)]
    other = drawn(campaign, CustomerFactory(), "control", assigned_at=DRAWN + days(20))

    attribute(as_of=LATER)

    rows = Assignment.objects.in_bulk([row.pk for row in [failed, other, *controls]])
    assert {rows[row.pk].measured_from for row in controls} == set(moments)
    assert rows[failed.pk].contacted_at is None
    assert rows[failed.pk].measured_from in moments
    assert rows[other.pk].measured_from is None


def test_where_no_contact_is_reported_the_planned_moment_stands_for_it():
    campaign = CampaignFactory(contact_at=SENT)
    treated = drawn(campaign, CustomerFactory(), sent=None)
    late = drawn(campaign, CustomerFactory(), sent=None, assigned_at=SENT + days(2))

    attribute(as_of=LATER)
    planned = Assignment.objects.get(pk=treated.pk).contacted_at
    contact(campaign, treated.customer, SENT + days(1))
    attribute(as_of=LATER)

    assert planned == SENT
    assert Assignment.objects.get(pk=treated.pk).contacted_at == SENT + days(1)
    assert Assignment.objects.get(pk=late.pk).contacted_at is None


@pytest.mark.django_db(transaction=True)
def test_a_second_look_at_the_same_time_is_refused_and_leaves_no_trace():
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", [outcomes._LOCK])
            with pytest.raises(ConflictError, match="being looked for already"):
                attribute(as_of=LATER)
    finally:
        other.close()

    assert not RefreshState.objects.filter(name="outcomes").exists()


def test_an_answer_is_stored_once_with_the_arm_that_it_belongs_to():
    customer = CustomerFactory()
    run = make_run([(customer, product(), 1)])
    row = drawn(CampaignFactory(), customer, run=run)
    [item] = items_of(run)

    first = record_outcome(item=item, kind="satisfaction", value=0.8, external_id="a")
    again = record_outcome(item=item, kind="satisfaction", value=0.8, external_id="a")

    assert (first[0].pk, first[0].assignment, first[1], again[1]) == (again[0].pk, row, True, False)
    with pytest.raises(ConflictError, match="another answer"):
        record_outcome(item=item, kind="rejected", external_id="a")


@pytest.mark.parametrize(
    ("kind", "reason"), [("unsubscribe", "UNSUBSCRIBED"), ("complaint", "COMPLAINT")]
)
def test_who_unsubscribes_or_complains_is_not_written_to_any_more(kind, reason):
    customer = CustomerFactory()
    run = make_run([(customer, product(), 1)])
    drawn(CampaignFactory(channel="sms"), customer, run=run)

    record_outcome(item=items_of(run)[0], kind=kind, external_id="a")
    record_outcome(item=items_of(run)[0], kind=kind, external_id="a")

    [found] = customer.contact_blocks.all()
    assert (found.kind, found.reason, found.channel, found.until) == ("optout", reason, "sms", None)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("purchase", None, "found among the orders"),
        ("satisfaction", None, "value from 0 to 1"),
        ("accepted", 0.5, "nothing else has one"),
        ("satisfaction", 1.5, "between 0"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused_in_words(kind, value, words):
    customer = CustomerFactory()
    [item] = items_of(make_run([(customer, product(), 1)]))

    with pytest.raises(CrmError, match=words):
        record_outcome(item=item, kind=kind, value=value)
