"""Nothing unapproved leaves, nobody who may not be contacted, no control customer, no half file."""

import hashlib
from datetime import timedelta
from decimal import Decimal

import pgtrigger
import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import ContactPolicy, Customer
from customers.services.blocks import block
from orders.models import Product
from recommendations.models import (
    Assignment,
    RecoDecision,
    RecoExport,
    RecoItem,
    RecoRun,
)
from recommendations.selectors.contactability import decide
from recommendations.services.approvals import decide_item, decide_list, decide_run
from recommendations.services.audit import FourEyesError, audit
from recommendations.services.exports import export, preview_export
from tests.analytics.saved_segments import asks
from tests.analytics.saved_segments import segment as saved_segment
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerFactory,
    OrderFactory,
    ProductFactory,
    UserFactory,
)
from tests.recommendations.export_support import approved, content, lines, listed
from tests.recommendations.storage import make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_held_out")]


def test_only_approved_items_leave_with_a_manifest_and_the_files_hash(user, campaign):
    one, two, three, four = [CustomerFactory(code=f"K{n}") for n in range(4)]
    run = listed(one, two, three, four, products=2)
    first, second = RecoItem.objects.filter(run=run, customer=one).order_by("rank")
    decide_item(item_id=first.pk, decision="approved", user=user)
    decide_item(item_id=second.pk, decision="flagged", user=user, comment="Look again")
    decide_list(run=run, customer=two, decision="approved", user=user)
    decide_list(run=run, customer=three, decision="rejected", user=user, comment="No")

    made = export(run=run, campaign=campaign, user=user)

    assert [(row["customer"], row["rank"]) for row in lines(made)] == [
        ("K0", "1"), ("K1", "1"), ("K1", "2")
    ]  # fmt: skip
    assert lines(made)[0]["address"] == "k0@example.org"
    assert made.left_out == {"PENDING": 1, "REJECTED": 1}
    assert (made.customers, made.rows) == (2, 3)
    assert hashlib.sha256(content(made).encode()).hexdigest() == made.sha256
    manifest = made.manifest
    assert manifest["sha256"] == made.sha256
    assert manifest["bytes"] == len(content(made).encode())
    assert (manifest["rows"], manifest["customers"], manifest["control"]) == (3, 2, 0)
    assert manifest["config_hash"] == run.config.hash
    assert Assignment.objects.filter(export=made, arm="treatment").count() == 2
    assert [decision.items for decision in RecoDecision.objects.order_by("id")] == [1, 1, 2, 2]


def test_a_run_of_which_nothing_is_approved_is_refused_and_leaves_no_trace(user, campaign):
    run = listed(CustomerFactory())

    with pytest.raises(CrmError, match=r"Nothing leaves.*PENDING 1"):
        export(run=run, campaign=campaign, user=user)

    assert not RecoExport.objects.exists()
    assert not Assignment.objects.exists()


def test_who_opts_out_or_is_contacted_between_audit_and_export_does_not_leave(user, campaign):
    stays, out, bounced, written, merged, nobody = [CustomerFactory() for _ in range(6)]
    run = approved(stays, out, bounced, written, merged, nobody, user=user)
    Customer.objects.filter(pk=out.pk).update(is_optout=True)
    Customer.objects.filter(pk=bounced.pk).update(is_bounced=True)
    Customer.objects.filter(pk=merged.pk).update(status="merged")
    Customer.objects.filter(pk=nobody.pk).update(email="")
    ContactEventFactory(customer=written, occurred_at=timezone.now() - timedelta(days=1))

    made = export(run=run, campaign=campaign, user=user)

    assert [row["customer"] for row in lines(made)] == [stays.code]
    assert made.left_out == {
        "BOUNCED": 1, "MERGED_OR_DELETED": 1, "NO_CHANNEL": 1, "OPT_OUT": 1, "SILENCE": 1
    }  # fmt: skip


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


@pytest.mark.parametrize("change", [{"is_active": False}, {"stock": 0}])
def test_a_list_that_no_longer_passes_the_audit_does_not_leave(user, campaign, change):
    one, two = CustomerFactory(), CustomerFactory()
    gone, there = ProductFactory(), ProductFactory()
    price = {"price": Decimal(5)}
    run = make_run([(one, gone, 1, price), (two, there, 1, price)])
    audit(run=run)
    decide_run(run=run, decision="approved", user=user)
    Product.objects.filter(pk=gone.pk).update(**change)

    made = export(run=run, campaign=campaign, user=user)

    assert [row["customer"] for row in lines(made)] == [two.code]
    assert made.left_out == {"AUDIT_NOW": 1}


def test_an_item_taken_out_no_longer_holds_its_list_back_once_it_is_audited_again(user, campaign):
    customer = CustomerFactory()
    good, bad = ProductFactory(), ProductFactory(is_active=False)
    price = {"price": Decimal(5)}
    run = make_run([(customer, good, 1, price), (customer, bad, 2, price)])
    audit(run=run, policy="permissive")
    assert not run.gate["reasons"]
    decide_item(
        item_id=RecoItem.objects.get(run=run, rank=2).pk,
        decision="rejected",
        user=user,
        comment="Gone",
    )
    decide_run(run=run, decision="approved", user=user)
    assert preview_export(run=run, campaign=campaign).left_out == {"AUDIT": 1}

    audit(run=run)

    assert [row["rank"] for row in lines(export(run=run, campaign=campaign, user=user))] == ["1"]


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


def test_an_audit_after_the_export_finds_a_leak_if_somebody_turned_an_arm(user, campaign):
    run = approved(CustomerFactory(), user=user)
    export(run=run, campaign=campaign, user=user)
    with pgtrigger.ignore("recommendations.Assignment:arm_stays"):
        Assignment.objects.update(arm="control")

    result = audit(run=run)

    assert result.findings["CONTROL_LEAK"] == (1, 1)
    assert not result.gate["passed"]


def test_who_may_be_contacted_is_decided_for_the_moment_of_the_campaign(user):
    later = timezone.now() + timedelta(days=20)
    campaign = CampaignFactory(code="later", holdout_share=0, contact_at=later)
    leaves, ordered, out, written = [CustomerFactory() for _ in range(4)]
    run = approved(leaves, ordered, out, written, user=user)
    # Two weeks after an order are over by then; an opt-out has begun, silence goes on.
    OrderFactory(customer=ordered, ordered_at=timezone.now() - timedelta(days=1))
    block(customer_id=out.pk, kind="optout", source="form", since=later - timedelta(days=1))
    ContactEventFactory(customer=written, occurred_at=timezone.now() - timedelta(days=1))

    told = preview_export(run=run, campaign=campaign)
    made = export(run=run, campaign=campaign, user=user)

    assert {row["customer"] for row in lines(made)} == {leaves.code, ordered.code}
    assert told.left_out == made.left_out == {"OPT_OUT": 1, "SILENCE": 1}


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


def test_the_channel_of_the_campaign_decides_not_that_of_the_audit(user, settings):
    by_phone = CustomerFactory(email="", phone="+441234567890")
    run = approved(by_phone, user=user)
    text = CampaignFactory(channel="sms", holdout_share=0)

    made = export(run=run, campaign=text, user=user)

    assert lines(made)[0]["address"] == "'+441234567890"
    mail = CampaignFactory(channel="email", holdout_share=0)
    settings.CRM_EXPORT_PAUSE_DAYS = 0
    assert preview_export(run=run, campaign=mail).left_out == {"AUDIT": 1}


def test_the_file_of_a_campaign_by_post_holds_postal_addresses(user):
    lane = "3 Elm Lane\nYork"
    plain = CustomerFactory(code="A", profile={"address": lane})
    parts = CustomerFactory(code="B", profile={"address": {"street": "3 Elm Lane"}})
    run = approved(plain, parts, user=user)

    made = export(run=run, campaign=CampaignFactory(channel="post", holdout_share=0), user=user)

    assert [row["address"] for row in lines(made)] == [lane, '{"street": "3 Elm Lane"}']


def test_a_gate_that_is_closed_or_an_audit_that_is_missing_keeps_everything(user, campaign):
    run = make_run([(CustomerFactory(), ProductFactory(), 1, {"price": Decimal(5)})])
    with pytest.raises(CrmError, match="not audited"):
        export(run=run, campaign=campaign, user=user)
    with pytest.raises(CrmError, match="not audited"):
        decide_run(run=run, decision="approved", user=user)
    audit(run=run)
    run.gate = run.gate | {"passed": False, "reasons": ["Too few lists."]}
    run.save()
    with pytest.raises(CrmError, match=r"did not pass the gate.*Too few lists"):
        decide_run(run=run, decision="approved", user=user)
    RecoItem.objects.get(run=run)
    decide_item(item_id=RecoItem.objects.get(run=run).pk, decision="approved", user=user)
    with pytest.raises(CrmError, match="did not pass the gate"):
        export(run=run, campaign=campaign, user=user)


def test_a_message_that_reaches_who_opted_out_takes_no_offers(user):
    receipts = CampaignFactory(code="receipts", purpose="transactional", holdout_share=0)
    run = approved(CustomerFactory(is_optout=True), CustomerFactory(), user=user)

    for leave in (export, preview_export):
        with pytest.raises(CrmError, match="receipts is transactional, and recommendations are"):
            leave(run=run, campaign=receipts, **({"user": user} if leave is export else {}))

    assert not RecoExport.objects.exists()


def test_a_campaign_that_is_over_takes_nobody(user):
    over = CampaignFactory(ends_at=timezone.now() - timedelta(minutes=1))
    run = approved(CustomerFactory(), user=user)
    with pytest.raises(CrmError, match="is over"):
        export(run=run, campaign=over, user=user)


def test_under_the_strict_policy_nobody_approves_their_own_run(user, campaign):
    other = UserFactory(staff=True)
    one, two = CustomerFactory(), CustomerFactory()
    run = listed(one, two, created_by=user)
    # Approved while the policy allowed it, and no longer once it does not.
    decide_list(run=run, customer=two, decision="approved", user=user)
    audit(run=run, policy="strict")

    with pytest.raises(FourEyesError, match="You started run"):
        decide_run(run=run, decision="approved", user=user)
    decide_list(run=run, customer=one, decision="rejected", user=user, comment="Rejecting is fine")
    decide_list(run=run, customer=one, decision="approved", user=other)

    made = export(run=run, campaign=campaign, user=user)

    assert [row["customer"] for row in lines(made)] == [one.code]
    assert made.left_out == {"OWN_APPROVAL": 1}


def test_who_started_a_run_does_not_free_it_of_the_second_pair_of_eyes(user, settings):
    other = UserFactory(staff=True)
    run = listed(CustomerFactory(), created_by=user)
    audit(run=run, policy="strict", user=user)

    for policy in ("standard", "permissive"):
        with pytest.raises(FourEyesError, match="Only somebody else"):
            audit(run=run, policy=policy, user=user)
    audit(run=run, user=user)
    run.refresh_from_db()
    assert run.gate["policy"] == "strict"

    audit(run=run, policy="standard", user=other)
    assert run.gate["policy"] == "standard"
    settings.CRM_GATE_POLICY = "strict"
    fresh = make_run([(CustomerFactory(), ProductFactory(), 1)], created_by=user)
    with pytest.raises(FourEyesError, match="Only somebody else"):
        audit(run=fresh, policy="permissive", user=user)


def test_a_decision_on_the_whole_run_leaves_earlier_ones_alone(user):
    one, two = CustomerFactory(), CustomerFactory()
    run = listed(one, two)
    decide_list(run=run, customer=one, decision="flagged", user=user, comment="Odd")

    made = decide_run(run=run, decision="approved", user=user)

    assert made.items == 1
    assert RecoItem.objects.get(run=run, customer=one).status == "flagged"
    assert RecoRun.objects.get(pk=run.pk).approval == "approved"
    with pytest.raises(ConflictError, match="Nothing of this run waits"):
        decide_run(run=run, decision="approved", user=user)
    with pytest.raises(ConflictError, match="flagged already"):
        decide_list(run=run, customer=one, decision="flagged", user=user, comment="Odd")


def test_the_log_of_decisions_is_never_changed(user):
    run = listed(CustomerFactory())
    made = decide_run(run=run, decision="approved", user=user)
    log = RecoDecision.objects.filter(pk=made.pk)

    for values in ({"comment": "Of course"}, {"decision": "rejected"}, {"user": UserFactory()}):
        with pytest.raises(DatabaseError, match="decide anew"), transaction.atomic():
            log.update(**values)
    with pytest.raises(DatabaseError, match="decide anew"), transaction.atomic():
        log.delete()
    user.delete()
    assert log.get().user is None


def test_decisions_that_make_no_sense_are_refused_in_words(user):
    run = listed(CustomerFactory())
    with pytest.raises(CrmError, match="approved, rejected or flagged"):
        decide_run(run=run, decision="pending", user=user)
    with pytest.raises(CrmError, match="comment why"):
        decide_run(run=run, decision="rejected", user=user, comment="  ")
    with pytest.raises(CrmError, match="longer than 500"):
        decide_run(run=run, decision="flagged", user=user, comment="x" * 501)
    with pytest.raises(CrmError, match="no recommendation"):
        decide_item(item_id=(run.pk << 32) + 999, decision="approved", user=user)
    assert not RecoDecision.objects.exists()


def test_a_saved_segment_narrows_who_leaves(user, campaign):
    inside, outside = CustomerFactory(code="IN"), CustomerFactory(code="OUT")
    run = approved(inside, outside, user=user)
    segment = saved_segment(rule=asks("customer.code", "is", "IN"), built=True)

    made = export(run=run, campaign=campaign, user=user, segment=segment)

    assert [row["customer"] for row in lines(made)] == [inside.code]
    assert made.left_out == {"OTHER_SEGMENT": 1}
    assert made.manifest["segment"] == segment.slug


def test_a_preview_may_trust_the_audit_but_the_export_judges_again(user, campaign):
    customer, product = CustomerFactory(), ProductFactory()
    run = make_run([(customer, product, 1, {"price": Decimal(5)})])
    audit(run=run)
    decide_run(run=run, decision="approved", user=user)
    Product.objects.update(is_active=False)

    assert preview_export(run=run, campaign=campaign, again=False).customers == 1
    assert preview_export(run=run, campaign=campaign).left_out == {"AUDIT_NOW": 1}
    with pytest.raises(CrmError, match="AUDIT_NOW 1"):
        export(run=run, campaign=campaign, user=user)


def test_a_preview_writes_nothing(user, campaign):
    run = approved(CustomerFactory(), user=user)

    told = preview_export(run=run, campaign=campaign)

    assert told.words.startswith("1 customers with 1 products would leave")
    assert not RecoExport.objects.exists()
    assert not Assignment.objects.exists()
