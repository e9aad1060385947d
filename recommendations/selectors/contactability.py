"""May we contact these customers now, on this channel, for this purpose? One answer for everybody.

The rules stand in SQL (``recommendations/sql/contactability_v1.sql``) and nowhere else. Selection,
audit, export, the API and the customer page ask here.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from customers.models import SCENARIOS, Campaign, Channel, Purpose
from recommendations.scoring.contact_words import words_of

# In the order in which they are checked: the first that fails is the code of a decision.
CODES = (
    "NOT_CONTACTABLE",
    "OPT_OUT",
    "BOUNCED",
    "NO_CHANNEL",
    "MERGED_OR_DELETED",
    "TEST_ACCOUNT",
    "GLOBAL_HOLDOUT",
    "SILENCE",
    "FREQUENCY_CAP",
    "RECENT_ORDER",
    "NO_CONSENT",
    "QUIET_HOURS",
)
_CHUNK = 200_000
_DECIDE = """
    SELECT customer_id, allowed, code, codes, evidence, next_allowed_at
    FROM crm_private.contactability(
        %s::bigint[], %s, %s, %s, %s, %s::text[], %s
    )
"""

_CHANNELS = """
    SELECT channel, found.customer_id, allowed, code, codes, evidence, next_allowed_at
    FROM unnest(%s::text[]) AS channel
    CROSS JOIN LATERAL crm_private.contactability(
        array[%s]::bigint[], channel, 'marketing', NULL, %s
    ) AS found
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a customer may be contacted, what speaks against it, what shows that, until when.

    ``code`` is the first rule that fails, empty if none does; ``codes`` are all of them, in order.
    ``next_allowed_at`` is the first moment at which nothing known today speaks against it; None
    where none does now, and where no day ends it (an opt-out, a missing address).
    """

    allowed: bool
    code: str = ""
    codes: tuple[str, ...] = ()
    shown: str = "{}"
    """The evidence as JSON: a million decisions take a third of the room that way."""
    next_allowed_at: datetime | None = None
    at: datetime | None = None
    """The moment that was decided for."""

    @property
    def evidence(self) -> dict[str, Any]:
        """What shows it: dates, counts, limits, blocks."""
        found: dict[str, Any] = json.loads(self.shown)
        return found

    @property
    def words(self) -> str:
        """The answer in a sentence, or one for each rule that fails."""
        return words_of(self.codes, self.evidence)


def decide(
    *,
    customer_ids: Iterable[int],
    channel: str,
    purpose: str = Purpose.MARKETING,
    campaign: Campaign | int | None = None,
    at: datetime | None = None,
    scenarios: Sequence[str | None] | None = None,
    planned: bool = False,
) -> dict[int, Decision]:
    """Decide for each customer, in one statement for every 200,000 of them.

    Args:
        customer_ids: each once. Who does not exist is NOT_CONTACTABLE.
        campaign: has to be of this channel and purpose; its ``contact_at``, while that lies
            ahead, is the moment for which is decided when ``at`` is not given.
        at: the moment of the contact, usually now. What happened after it does not count.
        scenarios: one for each customer, for exceptions from the silence window.
        planned: the message does not leave at this moment (a selection at night, an audit, an
            export), so quiet hours do not speak against it.

    Raises:
        CrmError: an unknown channel, purpose or scenario, or a campaign of other ones.
    """
    ids = list(customer_ids)
    moment = _checked(ids, channel, purpose, campaign, at, scenarios)
    campaign_id = campaign.pk if isinstance(campaign, Campaign) else campaign
    found: dict[int, Decision] = {}
    with connection.cursor() as cursor:
        for start in range(0, len(ids), _CHUNK):
            end = start + _CHUNK
            given = [scenario or "" for scenario in scenarios[start:end]] if scenarios else None
            cursor.execute(
                _DECIDE,
                [ids[start:end], channel, purpose, campaign_id, moment, given, planned],
            )
            found.update(_decisions(cursor, moment))
    return found


def decide_one(
    *,
    customer_id: int,
    channel: str,
    purpose: str = Purpose.MARKETING,
    campaign: Campaign | int | None = None,
    at: datetime | None = None,
    scenario: str | None = None,
    planned: bool = False,
) -> Decision:
    """Decide for one customer; see ``decide``."""
    return decide(
        customer_ids=[customer_id],
        channel=channel,
        purpose=purpose,
        campaign=campaign,
        at=at,
        scenarios=[scenario] if scenario else None,
        planned=planned,
    )[customer_id]


def decide_channels(*, customer_id: int, at: datetime | None = None) -> dict[str, Decision]:
    """Decide about marketing on every channel for one customer, in one statement."""
    moment = at or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CHANNELS, [Channel.values, customer_id, moment])
        return {
            channel: found for channel, *row in cursor for _, found in _decisions([row], moment)
        }


def _decisions(rows: Iterable[Any], at: datetime) -> Iterator[tuple[int, Decision]]:
    for customer_id, allowed, code, codes, shown, next_at in rows:
        yield customer_id, Decision(allowed, code, tuple(codes), shown, next_at, at)


def _checked(
    ids: Sequence[int],
    channel: str,
    purpose: str,
    campaign: Campaign | int | None,
    at: datetime | None,
    scenarios: Sequence[str | None] | None,
) -> datetime:
    """Refuse what cannot be decided, in words; return the moment to decide for."""
    if channel not in Channel.values:
        raise CrmError(f"There is no channel {channel!r}. Known: {', '.join(Channel.values)}.")
    if purpose not in Purpose.values:
        raise CrmError(f"There is no purpose {purpose!r}. Known: {', '.join(Purpose.values)}.")
    if scenarios is not None and len(scenarios) != len(ids):
        raise CrmError("Give a scenario for each customer, or none at all.")
    if unknown := {name for name in scenarios or () if name} - {*SCENARIOS}:
        raise CrmError(f"There is no scenario {min(unknown)!r}. Known: {', '.join(SCENARIOS)}.")
    now = timezone.now()
    if campaign is None:
        return at or now
    planned = _campaign(campaign, channel, purpose).contact_at
    return at or (planned if planned and planned > now else now)


def _campaign(campaign: Campaign | int, channel: str, purpose: str) -> Campaign:
    found = (
        campaign if isinstance(campaign, Campaign) else Campaign.objects.filter(pk=campaign).first()
    )
    if found is None:
        raise CrmError("There is no such campaign.")
    if (found.channel, found.purpose) != (channel, purpose):
        raise CrmError(
            f"The campaign {found.code} is {found.purpose} by {found.channel},"
            f" not {purpose} by {channel}."
        )
    return found
