"""Decide what may leave: an item, a customer's list, or all that is left of a run.

Every decision is written to a log that nobody changes. Under a policy with four eyes, whoever
started a run cannot approve any of it.
"""

from collections.abc import Collection
from typing import Any

from django.db import connection, transaction

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import User
from customers.models import Customer
from recommendations.models import Decided, RecoDecision, RecoItem, RecoRun
from recommendations.scoring.audit_rules import POLICIES
from recommendations.services.audit import FourEyesError, lock_run

Level = RecoDecision.Level

COMMENT_LENGTH = 500

_DECIDE = """
    update recommendations_recoitem
    set status = %(decision)s, decided_by_id = %(user)s, decided_at = now()
    where run_id = %(run)s and status = any(%(from)s)
"""
_OF_LIST = " and customer_id = %(customer)s"
_OF_ITEM = " and id = %(item)s"
_PASSING = """
    and customer_id in (
        select customer_id from recommendations_recoaudit
        where run_id = %(run)s and exportable
    )
"""


def decide_item(*, item_id: int, decision: str, user: User, comment: str = "") -> RecoDecision:
    """Approve, reject or flag one item.

    Raises ``CrmError`` for an item that does not exist, ``FourEyesError`` for an approval by who
    started the run under a strict policy, and ``ConflictError`` when it is decided like that
    already, or the run is busy.
    """
    run = RecoRun.objects.filter(pk=RecoItem.run_of(item_id)).first()
    item = RecoItem.objects.filter(pk=item_id, run=run).first() if run else None
    if run is None or item is None:
        raise CrmError(f"There is no recommendation {item_id}.")
    return _decide(
        run=run,
        level=Level.ITEM,
        decision=decision,
        user=user,
        comment=comment,
        customer=item.customer,
        item_id=item_id,
    )


@transaction.atomic
def decide_items(
    *, item_ids: Collection[int], decision: str, user: User, comment: str = ""
) -> list[RecoDecision]:
    """Decide on several items: on all of them, or on none. What is decided like that stays so.

    Raises as ``decide_item`` does, and ``ConflictError`` when all are decided like that already.
    """
    runs = {RecoItem.run_of(one) for one in item_ids}
    rows = RecoItem.objects.filter(run_id__in=runs, pk__in=item_ids).exclude(status=decision)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    if not ids:
        raise ConflictError(f"All of them are {decision} already.")
    return [decide_item(item_id=one, decision=decision, user=user, comment=comment) for one in ids]


def decide_list(
    *, run: RecoRun, customer: Customer, decision: str, user: User, comment: str = ""
) -> RecoDecision:
    """Approve, reject or flag all items of a customer in a run; as ``decide_item`` else."""
    return _decide(
        run=run,
        level=Level.LIST,
        decision=decision,
        user=user,
        comment=comment,
        customer=customer,
    )


def decide_run(
    *,
    run: RecoRun,
    decision: str,
    user: User,
    comment: str = "",
    only_passing: bool = False,
) -> RecoDecision:
    """Decide on all items of a run that nobody decided on yet.

    What people said of single items and lists stays. Approving asks for an audit whose gate the
    run passed.

    Args:
        only_passing: only lists that passed the audit.
    """
    return _decide(
        run=run,
        level=Level.RUN,
        decision=decision,
        user=user,
        comment=comment,
        only_passing=only_passing,
    )


@transaction.atomic
def _decide(
    *,
    run: RecoRun,
    level: str,
    decision: str,
    user: User,
    comment: str,
    customer: Customer | None = None,
    item_id: int | None = None,
    only_passing: bool = False,
) -> RecoDecision:
    comment = _checked(decision, comment)
    lock_run(run)
    if decision == Decided.APPROVED:
        check_may_approve(run=run, level=level, user=user)
    query = _DECIDE + _narrow(level, only_passing)
    parameters: dict[str, Any] = {
        "decision": decision,
        "user": user.pk,
        "run": run.pk,
        "customer": customer.pk if customer else None,
        "item": item_id,
        "from": _from(level, decision),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        changed = cursor.rowcount
    if not changed:
        raise ConflictError(_nothing(level, decision))
    if level == Level.RUN:
        RecoRun.objects.filter(pk=run.pk).update(approval=decision)
        run.approval = decision
    return RecoDecision.objects.create(
        run=run,
        level=level,
        customer=customer,
        item_id=item_id,
        decision=decision,
        comment=comment,
        items=changed,
        user=user,
    )


def _checked(decision: str, comment: str) -> str:
    if decision not in {Decided.APPROVED, Decided.REJECTED, Decided.FLAGGED}:
        raise CrmError("A decision is approved, rejected or flagged.")
    comment = comment.strip().replace("\x00", "")
    if len(comment) > COMMENT_LENGTH:
        raise CrmError(f"The comment is longer than {COMMENT_LENGTH} characters.")
    if decision != Decided.APPROVED and not comment:
        raise CrmError("Say in a comment why; others will read it.")
    return comment


def check_may_approve(*, run: RecoRun, level: str, user: User) -> None:
    """Refuse, in words, an approval that this person cannot give for this run as it is.

    Raises ``CrmError``, and ``FourEyesError`` for who started the run under a strict policy.
    """
    gate = run.gate
    if not gate:
        raise CrmError(f"Run {run.pk} was not audited yet; audit it before anything is approved.")
    policy = POLICIES.get(gate.get("policy", ""))
    if policy and policy.four_eyes and run.created_by_id == user.pk:
        raise FourEyesError(
            f"You started run {run.pk}. Under the policy {policy.name} somebody else approves it."
        )
    if level == Level.RUN and not gate.get("passed"):
        raise CrmError(
            f"Run {run.pk} did not pass the gate ({gate.get('policy')}): "
            f"{' '.join(gate.get('reasons', []))} Single lists can be approved all the same, but "
            "none leaves before the gate is passed."
        )


def _narrow(level: str, only_passing: bool) -> str:
    if level == Level.ITEM:
        return _OF_ITEM
    if level == Level.LIST:
        return _OF_LIST
    return _PASSING if only_passing else ""


def _from(level: str, decision: str) -> list[str]:
    """Return which states a decision changes: the whole run's leaves earlier decisions alone."""
    if level == Level.RUN:
        return [Decided.PENDING.value]
    return [state.value for state in Decided if state != decision]


def _nothing(level: str, decision: str) -> str:
    if level == Level.RUN:
        return "Nothing of this run waits for a decision."
    what = "The item is" if level == Level.ITEM else "All items of the list are"
    return f"{what} {decision} already."
