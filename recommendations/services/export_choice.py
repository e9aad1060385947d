"""Who of a run may leave for a campaign at this moment, and what keeps each of the others."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from analytics.models import SavedSegment
from customers.models import Campaign
from recommendations.models import RecoRun
from recommendations.selectors.contactability import decide
from recommendations.selectors.run_plan import settings_of_run
from recommendations.services import export_sql as sql
from recommendations.services.assignments import written_to
from recommendations.services.audit import chunks, parameters

REASONS = {
    "PENDING": "Nobody approved anything of the list yet.",
    "FLAGGED": "The list was flagged and nothing of it is approved.",
    "REJECTED": "All of the list was rejected.",
    "OWN_APPROVAL": "Who started the run approved it, which the policy does not allow.",
    "OTHER_SEGMENT": "The customer is not in the chosen segment.",
    "ALREADY_EXPORTED": "The customer left for this campaign before.",
    "JUST_EXPORTED": "The customer left for another marketing campaign a short time ago.",
    "AUDIT": "The audit found an error, or too many warnings.",
    "AUDIT_NOW": "The list passed the audit, but no longer does: something changed since.",
    "LATE": "The customer was written to for this campaign before an arm was drawn.",
}
"""Reasons besides the codes of contact, in the order in which they are looked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``scenarios``: of the first approved item, by the id of who may leave. ``left_out``: the
    other customers with a list, counted by the first reason."""

    scenarios: dict[int, str]
    left_out: dict[str, int]


def choose(
    *,
    run: RecoRun,
    campaign: Campaign,
    segment: SavedSegment | None,
    at: datetime,
    again: bool = True,
) -> Choice:
    """Decide for every customer with a list, on the data as they are now.

    Args:
        again: whether the lists themselves are judged again; otherwise the stored audit counts.
    """
    params = parameters(run, at=at, reco=settings_of_run(run))
    members = _members(segment)
    failed = _failing_now(run, params) if again else set()
    same_channel = run.checks.get("channel") == campaign.channel
    passed = None if same_channel else set(_ids(sql.PASSED_BUT_FOR_CONTACT, params))
    left_out: Counter[str] = Counter()
    free: dict[int, str] = {}
    for row in _candidates(run, campaign, at):
        who, scenario, *_ = row
        reason = _reason(row, members, passed, failed, four_eyes=bool(run.gate.get("four_eyes")))
        if reason:
            left_out[reason] += 1
        else:
            free[who] = scenario
    for who, code in _not_contactable(free, campaign, at):
        left_out[code] += 1
        del free[who]
    for who in written_to(campaign=campaign, customers=list(free)):
        left_out["LATE"] += 1
        del free[who]
    return Choice(free, dict(sorted(left_out.items())))


def _candidates(run: RecoRun, campaign: Campaign, at: datetime) -> list[tuple[Any, ...]]:
    names: dict[str, Any] = {
        "run": run.pk,
        "campaign": campaign.pk,
        "purpose": campaign.purpose,
        "pause_since": at - timedelta(days=settings.CRM_EXPORT_PAUSE_DAYS),
        "starter": run.created_by_id or 0,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.CANDIDATES, names)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _reason(
    row: tuple[Any, ...],
    members: set[int] | None,
    passed: set[int] | None,
    failed: set[int],
    *,
    four_eyes: bool,
) -> str:
    """Return the first reason why a list stays; empty when none does but contact."""
    who, scenario, pending, flagged, others, exportable, exported, elsewhere = row
    if scenario is None:
        return "PENDING" if pending else "FLAGGED" if flagged else "REJECTED"
    checks = (
        (four_eyes and not others, "OWN_APPROVAL"),
        (members is not None and who not in members, "OTHER_SEGMENT"),
        (exported, "ALREADY_EXPORTED"),
        (elsewhere, "JUST_EXPORTED"),
        (not exportable if passed is None else who not in passed, "AUDIT"),
        (who in failed, "AUDIT_NOW"),
    )
    return next((code for holds, code in checks if holds), "")


def _members(segment: SavedSegment | None) -> set[int] | None:
    if segment is None:
        return None
    return set(segment.members.values_list("customer_id", flat=True))


def _failing_now(run: RecoRun, params: dict[str, Any]) -> set[int]:
    found: set[int] = set()
    for low, high, _ in list(chunks(run)):
        found.update(_ids(sql.AGAIN, params | {"low": low, "high": high}))
    return found


def _not_contactable(
    free: dict[int, str], campaign: Campaign, at: datetime
) -> Iterator[tuple[int, str]]:
    """Yield who may not be contacted at the campaign's moment while it lies ahead, else now."""
    ahead = campaign.contact_at
    decisions = decide(
        customer_ids=list(free),
        channel=campaign.channel,
        purpose=campaign.purpose,
        campaign=campaign,
        at=ahead if ahead and ahead > at else at,
        scenarios=list(free.values()),
        planned=True,
    )
    for who in list(free):
        decision = decisions[who]
        if not decision.allowed:
            yield who, decision.code


def _ids(query: str, params: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [row[0] for row in cursor.fetchall()]
