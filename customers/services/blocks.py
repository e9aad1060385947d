"""Leaving a customer alone: opt-outs, bounces and pauses, from when and until when.

An opt-out of all channels for good, and a bounce of the e-mail address for good, also raise the
flag of the customer, so that lists and filters show it. Whoever ends such a block takes its flag
back, unless another block still stands for it. A flag that was up before stays up.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import Channel, ContactBlock, Customer

_FLAGS = {ContactBlock.Kind.OPTOUT: "is_optout", ContactBlock.Kind.BOUNCE: "is_bounced"}


@dataclass(frozen=True, slots=True)
class Blocked:
    """The block that stands now, and whether it was made or found."""

    block: ContactBlock
    is_new: bool


@transaction.atomic
def block(
    *,
    customer_id: int,
    kind: str,
    reason: str = ContactBlock.Reason.ASKED,
    channel: str = "",
    source: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Blocked:
    """Leave a customer alone on a channel, or on all of them. Telling it twice stores it once.

    Args:
        since: else now. What has not begun yet says nothing about today.
        until: from here on contact is allowed again; None is for good. A pause has an end.

    Raises:
        CrmError: there is no such customer, or a value that does not fit.
        ConflictError: the customer was merged into another.
    """
    customer = _locked(customer_id)
    if customer.status == Customer.Status.MERGED:
        raise ConflictError("This customer was merged into another; block contact with that one.")
    new = ContactBlock(
        customer=customer,
        kind=kind,
        reason=reason,
        channel=channel,
        source=source,
        since=since or timezone.now(),
        until=until,
    )
    _check(new)
    if known := _same(new):
        return Blocked(known, is_new=False)
    new.raised_flag = _raise_flag(new, customer)
    new.save()
    return Blocked(new, is_new=True)


@transaction.atomic
def change_block(*, block_id: int, until: datetime | None) -> ContactBlock:
    """Move the end of a block; None makes it one for good.

    Raises:
        CrmError: there is no such block, or an end that does not fit.
    """
    return _end(_block(block_id), until)


@transaction.atomic
def lift(*, block_id: int, at: datetime | None = None) -> ContactBlock:
    """End a block now. One that ended before stays as it is.

    Raises:
        CrmError: there is no such block.
    """
    found, moment = _block(block_id), at or timezone.now()
    if found.until is not None and found.until <= moment:
        return found
    return _end(found, max(moment, found.since))


def _end(found: ContactBlock, until: datetime | None) -> ContactBlock:
    customer = _locked(found.customer_id)
    found.until = until
    _check(found)
    if until is None:
        found.raised_flag = found.raised_flag or _raise_flag(found, customer)
    elif found.raised_flag:
        found.raised_flag = False
        _lower_flag(found, customer)
    found.save()
    return found


def _block(block_id: int) -> ContactBlock:
    found = ContactBlock.objects.filter(pk=block_id).first()
    if found is None:
        raise CrmError("There is no such block.")
    return found


def _locked(customer_id: int) -> Customer:
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None:
        raise CrmError("There is no such customer.")
    return customer


def _check(given: ContactBlock) -> None:
    """Say in words what the database would refuse."""
    if given.kind not in ContactBlock.Kind.values:
        raise CrmError(f"A block is one of: {', '.join(ContactBlock.Kind.values)}.")
    if given.reason not in ContactBlock.Reason.values:
        raise CrmError(f"A reason is one of: {', '.join(ContactBlock.Reason.values)}.")
    if given.channel not in {"", *Channel.values}:
        raise CrmError(f"A channel is one of: {', '.join(Channel.values)}.")
    if given.kind == ContactBlock.Kind.PAUSE and given.until is None:
        raise CrmError("A pause has an end; to stop for good, opt out.")
    if given.until is not None and given.until < given.since:
        raise CrmError("The end lies before the beginning.")


def _same(new: ContactBlock) -> ContactBlock | None:
    """Return the block that says the same and lasts as long, from the same time or before."""
    same = ContactBlock.objects.filter(
        customer_id=new.customer_id,
        kind=new.kind,
        channel=new.channel,
        reason=new.reason,
        since__lte=new.since,
        until=new.until,
    )
    return same.first()


def _flag(given: ContactBlock) -> str:
    """Return the flag of the customer that says the same as this block, if one does."""
    everywhere = "" if given.kind == ContactBlock.Kind.OPTOUT else Channel.EMAIL
    fits = given.channel in {"", everywhere} and given.until is None
    return _FLAGS.get(ContactBlock.Kind(given.kind), "") if fits else ""


def _raise_flag(given: ContactBlock, customer: Customer) -> bool:
    """Raise the flag that fits; return whether it was this block that raised it."""
    name = _flag(given)
    if not name or getattr(customer, name) or given.since > timezone.now():
        return False
    setattr(customer, name, True)
    customer.save(update_fields=[name, "updated_at"])
    return True


def _lower_flag(ended: ContactBlock, customer: Customer) -> None:
    """Take the flag back, or hand it on to another block that lasts for good."""
    name = _FLAGS[ContactBlock.Kind(ended.kind)]
    channels = Q(channel="") | Q(channel=Channel.EMAIL) if name == "is_bounced" else Q(channel="")
    others = ContactBlock.objects.filter(channels, customer=customer, kind=ended.kind, until=None)
    heir = others.exclude(pk=ended.pk).filter(since__lte=timezone.now()).first()
    if heir is None:
        setattr(customer, name, False)
        customer.save(update_fields=[name, "updated_at"])
        return
    heir.raised_flag = True
    heir.save(update_fields=["raised_flag", "updated_at"])
