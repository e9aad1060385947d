"""Decisions of people about a run: which are taken, by whom, and that none is ever changed."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from crm_project.common.exceptions import ConflictError, CrmError
from recommendations.models import RecoDecision, RecoItem, RecoRun
from recommendations.services.approvals import decide_item, decide_list, decide_run
from recommendations.services.audit import FourEyesError, audit
from recommendations.services.exports import export
from tests.factories import CustomerFactory, ProductFactory, UserFactory
from tests.recommendations.export_support import lines, listed
from tests.recommendations.storage import make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_held_out")]


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
    decide_item(item_id=RecoItem.objects.get(run=run).pk, decision="approved", user=user)
    with pytest.raises(CrmError, match="did not pass the gate"):
        export(run=run, campaign=campaign, user=user)


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
