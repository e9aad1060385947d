"""Recording what customers allowed and refused: the newest decision stands, whoever tells it first.

Whole files go through the import; this is for shops and forms, one by one or some hundreds at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from django.db import connection, transaction

from customers.models import Purpose
from customers.selectors.customers import ids_by_code

Outcome = Literal["new", "changed", "unchanged"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

# Of several about the same, the newest is written; of the same moment, the one told last. An older
# one than the stored changes nothing. In one order, so that two writers wait in one way. Where the
# sender's clock is ahead, it was decided now: a withdrawal is obeyed at once.
RECORD = """
    INSERT INTO customers_consent AS stored
        (customer_id, channel, purpose, status, source, decided_at, updated_at)
    SELECT DISTINCT ON (customer_id, channel, purpose)
        customer_id, channel, purpose, status, source, least(given.decided_at, now()), now()
    FROM unnest(
        %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]
    ) WITH ORDINALITY AS given (
        customer_id, channel, purpose, status, source, decided_at, place
    )
    ORDER BY customer_id, channel, purpose, given.decided_at DESC, place DESC
    ON CONFLICT (customer_id, channel, purpose) DO UPDATE
        SET status = excluded.status, source = excluded.source,
            decided_at = excluded.decided_at, updated_at = excluded.updated_at
        WHERE excluded.decided_at >= stored.decided_at
            AND (excluded.status, excluded.source, excluded.decided_at)
                IS DISTINCT FROM (stored.status, stored.source, stored.decided_at)
    RETURNING customer_id, channel, purpose, xmax = 0
"""
_STORED = """
    SELECT c.id, c.customer_id, c.channel, c.purpose
    FROM customers_consent AS c
    INNER JOIN unnest(%s::bigint[], %s::text[], %s::text[]) AS given (customer_id, channel, purpose)
        ON given.customer_id = c.customer_id
            AND given.channel = c.channel AND given.purpose = c.purpose
"""
Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as somebody tells it. An old code of a customer finds its owner."""

    customer: str
    channel: str
    status: str
    source: str
    decided_at: datetime
    purpose: str = Purpose.MARKETING


@dataclass(slots=True)
class RecordedConsents:
    """What became of each decision, by its place in the input."""

    taken: dict[int, tuple[int, Outcome]] = field(default_factory=dict)
    """The id of the row, and whether it was made, changed or stayed."""
    unknown: list[int] = field(default_factory=list)
    """Places of those that name no customer of ours."""

    def count(self, outcome: Outcome) -> int:
        return sum(found == outcome for _, found in self.taken.values())


@transaction.atomic
def record_consents(*, consents: Sequence[Given]) -> RecordedConsents:
    """Store decisions. What names an unknown customer is left out, and the rest is stored.

    Of several about one customer, channel and purpose, the newest counts as new or changed, the
    others as unchanged.
    """
    result = RecordedConsents()
    customers = ids_by_code({one.customer for one in consents})
    known = {place: one for place, one in enumerate(consents) if one.customer in customers}
    result.unknown = [place for place in range(len(consents)) if place not in known]
    if not known:
        return result
    keys = {
        place: (customers[one.customer], str(one.channel), str(one.purpose))
        for place, one in known.items()
    }
    written = _write(keys, known)
    ids = _ids(set(keys.values()))
    for place in sorted(known, key=lambda place: (known[place].decided_at, place), reverse=True):
        outcome = written.pop(keys[place], "unchanged")
        result.taken[place] = ids[keys[place]], outcome
    return result


def _write(keys: Mapping[int, Key], given: Mapping[int, Given]) -> dict[Key, Outcome]:
    """Store the newest of each; return what was made and what was changed."""
    rows = [(*keys[place], one.status, one.source, one.decided_at) for place, one in given.items()]
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [list(column) for column in zip(*rows, strict=True)])
        return {
            (customer_id, channel, purpose): "new" if is_new else "changed"
            for customer_id, channel, purpose, is_new in cursor.fetchall()
        }


def _ids(keys: set[Key]) -> dict[Key, int]:
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [list(column) for column in zip(*keys, strict=True)])
        return {(customer, *rest): key for key, customer, *rest in cursor.fetchall()}
