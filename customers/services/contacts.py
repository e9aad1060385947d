"""Recording contacts with customers: by the sender's id, so that repeating changes nothing.

Whole files go through the import; this is for the systems that send messages, one by one or some
hundreds at once. Sets of any size cost the same few statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from django.db import connection, transaction

from customers.models import Campaign, ContactEvent, Purpose
from customers.selectors.customers import ids_by_code

Outcome = Literal["new", "changed", "unchanged"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_STEPS: Mapping[str, int] = {status: step for step, status in enumerate(ContactEvent.STEPS)}
_FIELDS = (
    "customer_id",
    "occurred_at",
    "channel",
    "direction",
    "purpose",
    "status",
    "campaign_id",
)
# In the order of the ids, so that two senders of the same ones wait for each other in one way.
_INSERT = """
    INSERT INTO customers_contactevent (
        external_id, customer_id, occurred_at, channel, direction, purpose, status, campaign_id,
        created_at
    )
    SELECT *, now()
    FROM unnest(
        %s::text[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::bigint[]
    ) AS given (external_id)
    ORDER BY external_id
    ON CONFLICT (external_id) DO NOTHING
    RETURNING external_id
"""


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as its sender tells it. None: not said, so that what is stored stays.

    ``customer`` and ``campaign`` are codes; an old code of a customer finds its owner.
    """

    external_id: str
    customer: str
    occurred_at: datetime
    channel: str
    direction: str | None = None
    purpose: str | None = None
    status: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A contact that names something that does not exist. ``index`` is its place in the input."""

    index: int
    attr: str
    detail: str


@dataclass(slots=True)
class Recorded:
    """What became of each contact, by its place in the input."""

    taken: dict[int, tuple[int, Outcome]] = field(default_factory=dict)
    """The id of the row, and whether it was made, changed or found as it should be."""
    refused: list[Refused] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(found == outcome for _, found in self.taken.values())


@transaction.atomic
def record_contacts(*, contacts: Sequence[Contact]) -> Recorded:
    """Store contacts by their ``external_id``: new ones are made, known ones brought up to date.

    An id that stands twice is taken twice, in the order given. What names an unknown customer or
    campaign is refused, and the rest is stored.
    """
    result = Recorded()
    customers = ids_by_code({contact.customer for contact in contacts})
    campaigns = _campaigns({contact.campaign for contact in contacts if contact.campaign})
    wanted: dict[int, ContactEvent] = {}
    for index, contact in enumerate(contacts):
        if contact.customer not in customers:
            result.refused.append(Refused(index, "customer", "There is no such customer."))
        elif contact.campaign and contact.campaign not in campaigns:
            result.refused.append(Refused(index, "campaign", "There is no such campaign."))
        else:
            wanted[index] = _row(contact, customers, campaigns)
    _store(contacts, wanted, result)
    return result


def _campaigns(codes: set[str]) -> dict[str, int]:
    if not codes:
        return {}
    return dict(Campaign.objects.filter(code__in=codes).values_list("code", "pk"))


def _row(
    contact: Contact, customers: Mapping[str, int], campaigns: Mapping[str, int]
) -> ContactEvent:
    """Return the contact as a new row, with what a sender may leave out."""
    direction = contact.direction or ContactEvent.Direction.OUTBOUND
    received = direction == ContactEvent.Direction.INBOUND
    usual = ContactEvent.Status.RECEIVED if received else ContactEvent.Status.SENT
    return ContactEvent(
        external_id=contact.external_id,
        customer_id=customers[contact.customer],
        occurred_at=contact.occurred_at,
        channel=contact.channel,
        direction=direction,
        purpose=contact.purpose or Purpose.MARKETING,
        status=contact.status or usual,
        campaign_id=campaigns[contact.campaign] if contact.campaign else None,
    )


def _store(
    contacts: Sequence[Contact], wanted: Mapping[int, ContactEvent], result: Recorded
) -> None:
    made = _insert(wanted.values())
    ids = {row.external_id for row in wanted.values()}
    rows = {
        row.external_id: row
        for row in ContactEvent.objects.filter(external_id__in=ids)
        .order_by("external_id")
        .select_for_update()
    }
    changed: dict[int, ContactEvent] = {}
    for index, new in wanted.items():
        stored = rows[new.external_id]
        if stored.external_id in made:
            made.remove(stored.external_id)
            result.taken[index] = stored.pk, "new"
        elif _bring_up_to_date(stored, new, contacts[index]):
            changed[stored.pk] = stored
            result.taken[index] = stored.pk, "changed"
        else:
            result.taken[index] = stored.pk, "unchanged"
    if changed:
        ContactEvent.objects.bulk_update(changed.values(), _FIELDS)


def _insert(rows: Iterable[ContactEvent]) -> set[str]:
    """Insert the first row of each id that is not known yet; return the ids that were inserted."""
    first = {row.external_id: row for row in reversed(list(rows))}
    columns = [[getattr(row, name) for row in first.values()] for name in ("external_id", *_FIELDS)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        return {external_id for (external_id,) in cursor.fetchall()}


def _bring_up_to_date(stored: ContactEvent, new: ContactEvent, said: Contact) -> bool:
    """Take over what the sender said; return whether anything is different now."""
    before = [getattr(stored, name) for name in _FIELDS]
    stored.customer_id, stored.occurred_at, stored.channel = (
        new.customer_id,
        new.occurred_at,
        new.channel,
    )
    stored.direction = said.direction or stored.direction
    stored.purpose = said.purpose or stored.purpose
    stored.campaign_id = new.campaign_id if said.campaign else stored.campaign_id
    if said.status and _goes_on(stored.status, said.status):
        stored.status = said.status
    return before != [getattr(stored, name) for name in _FIELDS]


def _goes_on(old: str, new: str) -> bool:
    """Return whether a report is news."""
    return old not in _STEPS or new not in _STEPS or _STEPS[new] > _STEPS[old]
