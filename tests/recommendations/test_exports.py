"""Nothing unapproved leaves, nobody who may not be contacted, and what leaves is on record."""

import hashlib
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from customers.models import Customer
from customers.services.blocks import block
from orders.models import Product
from recommendations.models import Assignment, RecoDecision, RecoExport, RecoItem
from recommendations.services.approvals import decide_item, decide_list, decide_run
from recommendations.services.audit import audit
from recommendations.services.exports import export, preview_export
from tests.analytics.saved_segments import asks
from tests.analytics.saved_segments import segment as saved_segment
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerFactory,
    OrderFactory,
    ProductFactory,
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


def test_a_message_that_reaches_who_opted_out_takes_no_offers(user):
    receipts = CampaignFactory(code="receipts", purpose="transactional", holdout_share=0)
    run = approved(CustomerFactory(is_optout=True), CustomerFactory(), user=user)

    for leave in (partial(export, user=user), preview_export):
        with pytest.raises(CrmError, match="receipts is transactional, and recommendations are"):
            leave(run=run, campaign=receipts)

    assert not RecoExport.objects.exists()


def test_a_campaign_that_is_over_takes_nobody(user):
    over = CampaignFactory(ends_at=timezone.now() - timedelta(minutes=1))
    run = approved(CustomerFactory(), user=user)
    with pytest.raises(CrmError, match="is over"):
        export(run=run, campaign=over, user=user)


def test_a_saved_segment_narrows_who_leaves(user, campaign):
    inside, outside = CustomerFactory(code="IN"), CustomerFactory(code="OUT")
    run = approved(inside, outside, user=user)
    segment = saved_segment(rule=asks("customer.code", "is", "IN"), built=True)

    made = export(run=run, campaign=campaign, user=user, segment=segment)

    assert [row["customer"] for row in lines(made)] == [inside.code]
    assert made.left_out == {"OTHER_SEGMENT": 1}
    assert made.manifest["segment"] == segment.slug


def test_a_preview_may_trust_the_audit_but_the_export_judges_again(user, campaign):
    run = approved(CustomerFactory(), user=user)
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
