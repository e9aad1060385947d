"""What goes wrong in a shop: late files, returns, merged and erased customers, mistakes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from customers.models import Campaign, ContactPolicy, Customer, CustomerAlias
from orders.models import Order, OrderItem
from recommendations.models import Assignment, OutcomeEvent, UpliftReport
from recommendations.services.approvals import decide_run
from recommendations.services.assignments import assign
from recommendations.services.audit import audit
from recommendations.services.exports import export
from recommendations.services.outcome_step import measure_outcomes
from recommendations.services.outcomes import attribute, record_outcome
from recommendations.services.uplift import compute
from tests.factories import CampaignFactory, CustomerFactory, UserFactory
from tests.recommendations.checker import broken_exports, broken_outcomes
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


def exported(campaign, customers, goods):
    """Audit, approve and export a run; as far as arms go, forty days ago. Returns when it left."""
    ContactPolicy.objects.update(holdout_share=0)
    user = UserFactory(staff=True)
    rows = [(one, goods[n % len(goods)], 1, {"price": Decimal(5)})
            for n, one in enumerate(customers)]  # fmt: skip
    run = make_run(rows)
    audit(run=run)
    decide_run(run=run, decision="approved", user=user)
    assert broken_exports(export(run=run, campaign=campaign, user=user)) == []
    then = timezone.now() - timedelta(days=40)
    Assignment.objects.filter(campaign=campaign).update(assigned_at=then)
    return then + timedelta(hours=1)


def test_from_the_export_to_the_report_an_independent_checker_finds_nothing_wrong():
    campaign = CampaignFactory(code="spring", holdout_share="0.300")
    customers = CustomerFactory.create_batch(60)
    goods = [product(f"family {n}", price=5, cost="2.00") for n in range(3)]
    sent = exported(campaign, customers, goods)
    arms = dict(Assignment.objects.values_list("customer_id", "arm"))
    for n, customer in enumerate(customers):
        if arms[customer.pk] == "treatment":
            contact(campaign, customer, sent + timedelta(minutes=n))
        if n % 3 == 0:
            for moment in (sent - days(1), sent + days(2), sent + days(29), sent + days(31)):
                sale(customer, moment, [(goods[n % 3], 5)])
        if n % 5 == 0:
            sale(customer, sent + days(3), [(goods[0], 5)], status="cancelled")

    found = measure_outcomes()

    treated = {pk for pk, arm in arms.items() if arm == "treatment"}
    assert broken_outcomes() == []
    events = OutcomeEvent.objects.filter(kind="purchase")
    assert set(events.values_list("customer_id", flat=True)) <= treated
    assert events.filter(match_level=3, item_id__isnull=False).count() == events.count()
    # Two of the four orders of every third customer lie in the window.
    buyers = sum(pk in treated for pk in [one.pk for one in customers[::3]])
    assert events.count() == found.attributed.orders == 2 * buyers
    overall = found.reports[1].results["overall"]
    assert (overall["treated"]["buyers"], overall["control"]["buyers"]) == (buyers, 20 - buyers)
    assert overall["treated"]["orders"] == 2 * buyers


def test_what_came_back_of_orders_without_lines_is_taken_off_once():
    customer, lemon = CustomerFactory(), product()
    row = drawn(CampaignFactory(), customer)
    plain = sale(customer, SENT + days(1), [])
    Order.objects.filter(pk=plain.pk).update(net_amount=100, gross_amount=100)
    back = came_back(customer, SENT + days(2), [])
    Order.objects.filter(pk=back.pk).update(net_amount=30, gross_amount=30)
    lined = sale(customer, SENT + days(3), [(lemon, 50)])
    whole = came_back(customer, SENT + days(4), [])
    Order.objects.filter(pk=whole.pk).update(net_amount=20, gross_amount=20)

    attribute(as_of=SENT.date() + days(40))

    found = row.outcomes.order_by("occurred_at").values_list("order_id", "amount", "margin")
    assert list(found) == [(plain.pk, 70, None), (lined.pk, 30, None)]


def test_an_order_of_a_late_file_and_a_changed_one_are_counted_as_they_are_now():
    customer, lemon, lime = CustomerFactory(), product("citrus"), product("citrus")
    run = make_run([(customer, lime, 1)])
    row = drawn(CampaignFactory(), customer, run=run)
    first = sale(customer, SENT + days(1), [(lemon, 5)])
    attribute(as_of=SENT.date() + days(40))
    late = sale(customer, SENT + days(2), [(lime, 7)])
    OrderItem.objects.filter(order=first).update(unit_price=3, product=lime)
    Order.objects.filter(pk=first.pk).update(net_amount=3, gross_amount=3)

    changed = attribute(as_of=SENT.date() + days(41))
    again = attribute(as_of=SENT.date() + days(41))

    assert (changed.written, changed.removed, changed.orders) == (2, 0, 2)
    assert (again.written, again.removed, again.orders) == (0, 0, 2)
    rows = row.outcomes.order_by("occurred_at").values_list("order_id", "amount", "match_level")
    assert list(rows) == [(first.pk, 3, 3), (late.pk, 7, 3)]

    # The order moves behind the window; its file is taken back; the other returns for good.
    Order.objects.filter(pk=first.pk).update(ordered_at=SENT + days(31))
    late.delete()
    after = attribute(as_of=SENT.date() + days(42))

    assert (after.orders, row.outcomes.count()) == (0, 0)
    assert broken_outcomes() == []


def test_a_partial_return_within_60_days_lowers_the_order_and_a_later_one_does_not():
    customer, lemon = CustomerFactory(), product()
    drawn(CampaignFactory(), customer)
    order = sale(customer, SENT + days(30), [(lemon, 10, 2)])
    came_back(customer, SENT + days(90), [(lemon, 5)])
    came_back(customer, SENT + days(90) + timedelta(microseconds=1), [(lemon, 5)])

    attribute(as_of=LATER)

    found = OutcomeEvent.objects.get(order=order)
    assert (found.amount, found.returned_amount) == (5, 5)


def test_controls_who_were_written_to_stay_controls_and_the_report_says_so():
    campaign = CampaignFactory(holdout_share="0.5")
    treated, control = CustomerFactory(), CustomerFactory()
    drawn(campaign, treated)
    row = drawn(campaign, control, "control")
    contact(campaign, control, SENT + days(1))
    sale(control, SENT + days(2), [(product(), 5)])

    measure_outcomes(as_of=LATER)

    row.refresh_from_db()
    told = UpliftReport.objects.get(campaign=campaign)
    assert (row.arm, row.contacted_at) == ("control", SENT + days(1))
    assert not OutcomeEvent.objects.exists()
    assert told.results["overall"]["control"]["buyers"] == 1
    assert any("control group were contacted all the same" in words for words in told.words)


def merge(customer, into):
    Customer.objects.filter(pk=customer.pk).update(status="merged")
    CustomerAlias.objects.create(code=customer.code, customer=into, reason="merged")


def test_who_unsubscribes_after_a_merge_is_left_alone_under_the_other_code():
    customer, heir = CustomerFactory(), CustomerFactory()
    run = make_run([(customer, product(), 1)])
    drawn(CampaignFactory(), customer, run=run)
    merge(customer, heir)

    record_outcome(item=items_of(run)[0], kind="unsubscribe")

    assert [found.kind for found in heir.contact_blocks.all()] == ["optout"]
    assert customer.reco_outcomes.get().kind == "unsubscribe"


def test_what_a_merged_customer_buys_under_the_other_code_counts_once():
    campaign = CampaignFactory(holdout_share="0.5")
    lonely, heir, both, drawn_too = CustomerFactory.create_batch(4)
    row = drawn(campaign, lonely)
    twice = [drawn(campaign, both), drawn(campaign, drawn_too, "control")]
    orders = [sale(heir, SENT + days(1), [(product(), 5)]),
              sale(drawn_too, SENT + days(2), [(product(), 5)])]  # fmt: skip
    merge(lonely, heir)
    merge(both, drawn_too)

    measure_outcomes(as_of=LATER)

    owners = dict(OutcomeEvent.objects.values_list("order_id", "assignment_id"))
    assert owners == {orders[0].pk: row.pk}
    overall = compute(campaign=campaign, as_of=LATER)["overall"]
    assert (overall["treated"]["customers"], overall["treated"]["buyers"]) == (2, 1)
    assert (overall["control"]["customers"], overall["control"]["buyers"]) == (1, 1)
    assert twice[0].outcomes.count() == twice[1].outcomes.count() == 0


def test_erasing_customers_changes_no_report_and_no_window():
    campaign = CampaignFactory(holdout_share="0.5")
    moments = [SENT + timedelta(hours=n) for n in range(6)]
    treated = [drawn(campaign, CustomerFactory(), sent=moment) for moment in moments]
    controls = [drawn(campaign, CustomerFactory(), "control") for _ in range(6)]
    for row in (*treated[:3], *controls[:2]):
        sale(row.customer, SENT + days(2), [(product(), 5)])
    measure_outcomes(as_of=LATER)
    before = compute(campaign=campaign, as_of=LATER)
    windows = dict(Assignment.objects.values_list("pk", "measured_from"))

    for place, row in enumerate((*treated, *controls)):
        Customer.objects.filter(pk=row.customer_id).update(
            status="deleted", code=f"erased-{place}", name="", email=""
        )
    attribute(as_of=LATER, everything=True)

    assert compute(campaign=campaign, as_of=LATER) == before
    assert dict(Assignment.objects.values_list("pk", "measured_from")) == windows
    assert controls[0].customer.email not in str(before)


def test_no_window_opens_before_its_arm_was_drawn():
    campaign = CampaignFactory(holdout_share="0.5")
    drawn(campaign, CustomerFactory())
    late = drawn(campaign, CustomerFactory(), "control", assigned_at=SENT + timedelta(hours=5))
    sale(late.customer, SENT + timedelta(hours=2), [(product(), 5)])

    measure_outcomes(as_of=LATER)

    late.refresh_from_db()
    assert late.measured_from == late.assigned_at
    assert compute(campaign=campaign, as_of=LATER)["overall"]["control"]["buyers"] == 0


def test_an_arm_is_drawn_before_the_contact_and_then_stays():
    campaign = CampaignFactory(holdout_share="0.5")
    known, late = CustomerFactory(), CustomerFactory()
    row = drawn(campaign, known)
    contact(campaign, late, SENT, status="failed")
    assert set(assign(campaign=campaign, customers=[known.pk, late.pk])) == {known.pk, late.pk}
    contact(campaign, another := CustomerFactory(), SENT)

    with pytest.raises(CrmError, match="1 of the customers were written to for the campaign"):
        assign(campaign=campaign, customers=[known.pk, another.pk])
    other = CampaignFactory()
    for change in ({"arm": "control"}, {"share": "0.1"}, {"campaign": other}, {"salt": "b"}):
        with pytest.raises(DatabaseError, match="stays as it was drawn"), transaction.atomic():
            Assignment.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError, match="assignment_before_contact"), transaction.atomic():
        Assignment.objects.filter(pk=row.pk).update(contacted_at=DRAWN - days(1))
    assert Campaign.objects.get(pk=campaign.pk).assignments.count() == 2
