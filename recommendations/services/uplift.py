"""Report what the campaigns changed: treated against control, as they were drawn."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from analytics.services.rfm_steps import end_of
from crm_project.common.exceptions import ConflictError
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from customers.models import Campaign
from recommendations.models import Assignment, UpliftReport
from recommendations.models.outcomes import DEFAULT_WINDOW_DAYS
from recommendations.models.runs import Scenario
from recommendations.scoring.alarms import alarms
from recommendations.scoring.uplift import Money, measure
from recommendations.scoring.uplift_json import group_json, headline
from recommendations.selectors.outcomes import (
    RETURN_DAYS,
    Chosen,
    Figures,
    Key,
    everybody,
    figures,
    levels,
    run_figures,
)
from recommendations.services.outcomes import checked_day
from recommendations.services.trusted import trusted

_LOCK = 7_264_045

LEVEL_WORDS = {
    3: "the offered product itself",
    2: "the same family",
    1: "something else",
}


def report(
    *, campaign: Campaign | None = None, as_of: date | None = None, user: User | None = None
) -> UpliftReport:
    """Compute the report of a campaign, or of all together, and keep it.

    Args:
        as_of: only orders, returns and contacts up to the end of this local day count.

    Made again for the same day, it replaces what was kept. Raises ``CrmError`` for a day to come.
    """
    day = checked_day(as_of)
    with transaction.atomic():
        _lock()
        results = compute(campaign=campaign, as_of=day)
        found, _ = UpliftReport.objects.update_or_create(
            campaign=campaign,
            as_of=day,
            defaults={
                "window_days": campaign.window_days if campaign else DEFAULT_WINDOW_DAYS,
                "results": results,
                "words": results["words"],
                "created_by": user,
            },
        )
    return found


def report_all(
    *, as_of: date | None = None, user: User | None = None, progress: Progress | None = None
) -> list[UpliftReport]:
    """Report on all campaigns together, then on each that drew arms."""
    day = checked_day(as_of)
    drawn = Assignment.objects.filter(assigned_at__lt=end_of(day)).values("campaign")
    chosen: list[Campaign | None] = [None, *Campaign.objects.filter(pk__in=drawn).order_by("code")]
    made = []
    for done, campaign in enumerate(chosen):
        if progress is not None:
            progress(done, len(chosen), campaign.code if campaign else "All campaigns")
        made.append(report(campaign=campaign, as_of=day, user=user))
    return made


def compute(*, campaign: Campaign | None, as_of: date) -> dict[str, Any]:
    """Return the results of a report, without keeping anything."""
    until = end_of(as_of)
    found = figures(until=until, campaign=campaign)
    believed, left_out = trusted(found)
    if not believed.groups:
        # Nothing else is left: the reason says what is wrong with it.
        believed, left_out = found, []
    overall = _group("overall", "All customers", believed, everybody, cost=_cost(believed, None))
    runs = run_figures(found, until=until)
    return {
        "as_of": as_of.isoformat(),
        "time_zone": settings.TIME_ZONE,
        "currency": settings.CRM_CURRENCY,
        "return_days": RETURN_DAYS,
        "smallest_lift": settings.CRM_SMALLEST_LIFT,
        "counts": _counts(found),
        "overall": overall,
        "campaigns": _campaigns(found),
        "scenarios": _by(believed, "scenario"),
        "segments": _by(believed, "segment"),
        "levels": [
            {"level": level, "name": LEVEL_WORDS[level], "orders": orders, "amount": amount}
            for level, orders, amount in levels(until=until, campaign=campaign)
        ],
        "runs": [asdict(run) for run in runs],
        "alarms": [asdict(alarm) for alarm in alarms([run for run in runs if run.treated])],
        "words": [*headline(overall), *left_out, *_leak(found)],
    }


def _counts(found: Figures) -> dict[str, int]:
    def controls(key: Key) -> bool:
        return key.arm == "control"

    return {
        "measured": found.count("customers"),
        "open": found.count("open"),
        "unsent": found.count("unsent"),
        "contacted": found.count("contacted", lambda key: not controls(key)),
        "controls": found.count("customers", controls),
        "controls_contacted": found.count("contacted", controls),
    }


def _leak(found: Figures) -> list[str]:
    leaked = _counts(found)["controls_contacted"]
    if not leaked:
        return []
    return [
        f"{leaked:,} customers of the control group were contacted all the same; the lift is "
        "likely to be larger than shown."
    ]


def _campaigns(found: Figures) -> list[dict[str, Any]]:
    keys = sorted({group.key.campaign for group in found.groups})
    named = Campaign.objects.in_bulk(keys)
    return [
        _group(named[pk].code, named[pk].name, found, _is("campaign", pk), cost=_cost(found, pk))
        for pk in keys
    ]


def _by(found: Figures, what: str) -> list[dict[str, Any]]:
    values = sorted({getattr(group.key, what) for group in found.groups})
    return [_group(value, _name(value), found, _is(what, value)) for value in values]


def _name(value: str) -> str:
    """Return what people read: the words of a scenario, a segment's own name."""
    if value in Scenario.values:
        return str(Scenario(value).label).capitalize()
    return value or "Not known"


def _is(what: str, value: Any) -> Chosen:
    def chosen(key: Key) -> bool:
        return bool(getattr(key, what) == value)

    return chosen


def _group(
    key: str, name: str, found: Figures, chosen: Chosen, *, cost: float | None = None
) -> dict[str, Any]:
    money = Money(cost=cost, margin_rate=_margin_rate())
    strata = found.strata(chosen)
    measured = measure(strata, smallest_lift=settings.CRM_SMALLEST_LIFT, money=money)
    return {"key": key, "name": name, **group_json(measured)}


def _margin_rate() -> float | None:
    """The shop's margin where it entered one; 1 means that it counts revenue."""
    rate = float(settings.CRM_LTV_MARGIN)
    return rate if 0 < rate < 1 else None


def _cost(found: Figures, only: int | None) -> float | None:
    """Return the campaigns' entered cost, in proportion to the customers who are compared."""
    total = 0.0
    for pk, cost in Campaign.objects.filter(pk__in=_campaign_keys(found, only)).values_list(
        "pk", "cost"
    ):
        chosen = _is("campaign", pk)
        compared = sum(one.customers for one in found.strata(chosen) if one.has_both)
        drawn = sum(found.count(what, chosen) for what in ("customers", "open", "unsent"))
        total += float(cost) * compared / drawn if drawn else 0.0
    return round(total, 2) or None


def _campaign_keys(found: Figures, only: int | None) -> Iterable[int]:
    return {one.key.campaign for one in found.groups if only in (None, one.key.campaign)}


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise ConflictError("Another report is being made; try again when that is done.")
