"""Find what followed the contacts, and take in what customers answered."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from analytics.services.rfm_steps import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import RefreshState
from crm_project.common.services import refresh
from customers.models import ContactBlock, Customer, CustomerAlias
from customers.services.blocks import block
from recommendations.models import Assignment, OutcomeEvent, RecoItem
from recommendations.selectors.outcomes import RETURN_DAYS

STEP = "outcomes"
_LOCK = 7_264_044

LATE_DAYS = 35
"""Orders that arrive so much later than they were placed are still found without ``everything``."""

CONTACT_DAYS = 400
"""A campaign's contacts are looked for so long after the arms were drawn."""

_LONG_AGO = "-infinity"


@dataclass(frozen=True, slots=True)
class Attributed:
    """What was found.

    Attributes:
        contacted: assignments whose contact, or begin of measuring, is new or changed.
        written: orders that are new or changed; ``removed``: that count no more.
        orders: orders after a contact in all.
    """

    as_of: date
    contacted: int
    written: int
    removed: int
    orders: int

    def __str__(self) -> str:
        return (
            f"{self.orders:,} orders followed a contact: {self.written:,} new or changed, "
            f"{self.removed:,} taken away. {self.contacted:,} contacts are new."
        )


def checked_day(as_of: date | None) -> date:
    """Return the day, today by default. Raises ``CrmError`` for one to come."""
    today = timezone.localdate()
    day = as_of or today
    if day > today:
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    return day


def attribute(
    *,
    as_of: date | None = None,
    everything: bool = False,
    progress: Progress | None = None,
) -> Attributed:
    """Bring contacts and the orders that followed them up to the end of a local day.

    Args:
        as_of: nothing later counts; by default today.
        everything: look at all orders again, not only at those that can have changed (as old as
            returns count and orders arrive late).

    Only orders after the contact count, for the campaign that touched last; cancelled ones do not;
    what came back within 60 days is taken off. Done twice, it changes nothing.

    Raises ``CrmError`` for a day before the one that outcomes are known up to, and
    ``ConflictError`` while another is at it.
    """
    day = checked_day(as_of)
    until = end_of(day)
    known = _known_up_to()
    if known and known > until:
        raise CrmError(
            f"Outcomes are known up to {_last_day(known):%Y-%m-%d} already; a report can be made "
            "of any earlier day."
        )
    with refresh.record(STEP, as_of=until) as state, transaction.atomic():
        _lock()
        found = _fill(day, until, None if everything else known, progress)
        state.rows = found.orders
    return found


def _fill(
    day: date, until: datetime, known: datetime | None, progress: Progress | None
) -> Attributed:
    first = known - timedelta(days=RETURN_DAYS + LATE_DAYS) if known else _LONG_AGO
    drawn = known - timedelta(days=CONTACT_DAYS) if known else _LONG_AGO
    _say(progress, 0, "Looking for contacts")
    contacted = _one(
        "select crm_private.outcome_moments(%s, %s, %s)", [until, drawn, settings.TIME_ZONE]
    )[0]
    _say(progress, 1, "Looking for orders that followed")
    written, removed = _one(
        "select * from crm_private.outcome_fill(%s, %s, %s)", [until, first, RETURN_DAYS]
    )
    orders = OutcomeEvent.objects.filter(kind=OutcomeEvent.Kind.PURCHASE).count()
    _say(progress, 2, "Done")
    return Attributed(day, contacted, written, removed, orders)


def known_day() -> date | None:
    """Return the day that outcomes are known up to; None before the first time."""
    until = _known_up_to()
    return _last_day(until) if until else None


def _known_up_to() -> datetime | None:
    rows = RefreshState.objects.filter(name=STEP, error="", finished_at__isnull=False)
    newest = rows.exclude(as_of=None).order_by("-as_of").first()
    return newest.as_of if newest else None


def _last_day(until: datetime) -> date:
    return timezone.localdate(until - timedelta(microseconds=1))


def _lock() -> None:
    if not _one("select pg_try_advisory_xact_lock(%s)", [_LOCK])[0]:
        raise ConflictError("Outcomes are being looked for already; try again when that is done.")


def _say(progress: Progress | None, done: int, message: str) -> None:
    if progress is not None:
        progress(done, 2, message)


def _one(sql: str, params: list[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


ANSWERS = (
    OutcomeEvent.Kind.ACCEPTED,
    OutcomeEvent.Kind.REJECTED,
    OutcomeEvent.Kind.SATISFACTION,
    OutcomeEvent.Kind.COMPLAINT,
    OutcomeEvent.Kind.UNSUBSCRIBE,
)


@transaction.atomic
def record_outcome(
    *,
    item: RecoItem,
    kind: str,
    occurred_at: datetime | None = None,
    value: float | None = None,
    source: str = "api",
    external_id: str | None = None,
) -> tuple[OutcomeEvent, bool]:
    """Store what a customer answered to an item; return it, and whether it is new.

    Args:
        value: of satisfaction, 0 (worst) to 1; of nothing else.
        external_id: the sender's id of the answer: sent twice, it is stored once.

    Who unsubscribes or complains is not written to any more. Purchases are not taken: they are
    found among the orders. Raises ``CrmError`` in words.
    """
    moment = occurred_at or timezone.now()
    _check_answer(kind, value, moment)
    fields: dict[str, Any] = {
        "assignment": _assignment_of(item),
        "customer_id": item.customer_id,
        "kind": kind,
        "item_id": item.pk,
        "product_id": item.product_id,
        "value": value,
        "occurred_at": moment,
    }
    if not external_id:
        stored = OutcomeEvent.objects.create(source=source, **fields)
        _obey(stored)
        return stored, True
    found, new = OutcomeEvent.objects.get_or_create(
        source=source, external_id=external_id, defaults=fields
    )
    if (found.item_id, found.kind) != (item.pk, kind):
        raise ConflictError("This id was used for another answer.")
    if new:
        _obey(found)
    return found, new


_REASONS = {
    OutcomeEvent.Kind.UNSUBSCRIBE: ContactBlock.Reason.UNSUBSCRIBED,
    OutcomeEvent.Kind.COMPLAINT: ContactBlock.Reason.COMPLAINT,
}


def _obey(answer: OutcomeEvent) -> None:
    """Leave alone who asked for it or complained: on the campaign's channel, else on all."""
    reason = _REASONS.get(OutcomeEvent.Kind(answer.kind))
    if reason is not None:
        block(
            customer_id=_lives_on(answer.customer),
            kind=ContactBlock.Kind.OPTOUT,
            reason=reason,
            channel=answer.assignment.campaign.channel if answer.assignment else "",
            source=answer.source,
            since=answer.occurred_at,
        )


def _lives_on(customer: Customer) -> int:
    """Return whom a merged customer was merged into; everybody else is who they are."""
    if customer.status != Customer.Status.MERGED:
        return customer.pk
    owners = CustomerAlias.objects.filter(code=customer.code).exclude(customer=customer)
    found = owners.values_list("customer_id", flat=True).first()
    return found or customer.pk


def _check_answer(kind: str, value: float | None, moment: datetime) -> None:
    if kind not in ANSWERS:
        raise CrmError(
            "Purchases are found among the orders; answers are "
            + ", ".join(str(answer.value) for answer in ANSWERS)
            + "."
        )
    if (kind == OutcomeEvent.Kind.SATISFACTION) != (value is not None):
        raise CrmError("Satisfaction has a value from 0 to 1, and nothing else has one.")
    if value is not None and not 0 <= value <= 1:
        raise CrmError("The value lies between 0 (worst) and 1 (best).")
    if moment > timezone.now() + timedelta(minutes=5):
        raise CrmError("The moment of the answer lies in the future.")


def _assignment_of(item: RecoItem) -> Assignment | None:
    rows = Assignment.objects.filter(customer_id=item.customer_id, run_id=item.run_id)
    return rows.order_by("-assigned_at", "-id").first()
