"""Propose settings from what the campaigns taught. A person activates them, or not."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.db import transaction

from analytics.services.rfm_steps import end_of
from crm_project.common.exceptions import ConflictError
from crm_project.common.models import User
from recommendations.models import RecoConfig
from recommendations.scoring.learning import Cell, Learning, acceptance, learn
from recommendations.selectors.outcomes import Figures, Key, figures, taken
from recommendations.selectors.run_plan import settings_of
from recommendations.services.configs import active_config, create_config
from recommendations.services.outcomes import checked_day
from recommendations.services.trusted import trusted

OFFERED_NEEDED = 20
"""A product offered less often says nothing that the prior does not."""

LEARNED = "learning"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was learned, and the settings that follow from it; None: nothing would change."""

    config: RecoConfig | None
    learning: Learning
    words: tuple[str, ...]


@transaction.atomic
def propose(*, as_of: date | None = None, user: User | None = None) -> Proposal:
    """Write proposed settings from the lifts up to a local day and from what products were taken.

    Multipliers are built on those that people chose, not on those of an earlier proposal: else
    each proposal would pile on the last. Campaigns whose arms do not have the sizes that were
    drawn teach nothing. The same outcomes propose the same settings only once.
    """
    day = checked_day(as_of)
    active = active_config()
    base = settings_of(_chosen_by_people(active)).multipliers
    found, left_out = trusted(figures(until=end_of(day)))
    learning = learn(_cells(found), base=base)
    values = _values(learning, day)
    words = [*_words(learning), *left_out]
    if not _changes(active, values):
        return Proposal(None, learning, (*words, "Nothing would change."))
    config, more = _stored(active, values, learning, words, day, user)
    return Proposal(config, learning, (*words, *more))


def _stored(
    active: RecoConfig,
    values: dict[str, Any],
    learning: Learning,
    words: list[str],
    day: date,
    user: User | None,
) -> tuple[RecoConfig | None, list[str]]:
    try:
        with transaction.atomic():
            return create_config(
                name=f"Learned by {day:%-d %b %Y}",
                values=values,
                comment=" ".join(words),
                parent=active,
                evidence={LEARNED: asdict(learning), "as_of": day.isoformat()},
                status=RecoConfig.Status.PROPOSED,
                user=user,
            ), []
    except ConflictError as known:
        return None, [str(known)]


def _chosen_by_people(config: RecoConfig) -> RecoConfig:
    """Return the nearest settings in the line of parents that were not learned."""
    while LEARNED in config.evidence and config.parent is not None:
        config = config.parent
    return config


def _cells(found: Figures) -> list[Cell]:
    """Return scenario and segment with both arms, by who was drawn together; a scenario that is
    not known teaches nothing."""
    customers: dict[tuple[str, str, int, float], dict[str, int]] = {}
    for group in found.groups:
        key = group.key
        if key.scenario:
            drawn = (key.scenario, key.segment, key.campaign, key.share)
            cell = customers.setdefault(drawn, defaultdict(int))
            cell[key.arm] += group.customers
            cell[f"{key.arm} buyers"] += _buyers(found, key)
    return [
        Cell(
            scenario, segment, cell["treatment"], cell["treatment buyers"], cell["control"],
            cell["control buyers"],
        )
        for (scenario, segment, _, _), cell in sorted(customers.items())
    ]  # fmt: skip


def _buyers(found: Figures, key: Key) -> int:
    return len(found.bought[key].rows) if key in found.bought else 0


def _values(learning: Learning, day: date) -> dict[str, Any]:
    """Return what the proposed settings say anew."""
    multipliers = {
        one.scenario: one.multiplier for one in learning.scenarios if one.multiplier is not None
    }
    by_segment: dict[str, dict[str, float]] = {}
    for one in learning.cells:
        whole = multipliers.get(one.scenario, one.base)
        if one.multiplier is not None and one.segment and one.multiplier != whole:
            by_segment.setdefault(one.scenario, {})[one.segment] = one.multiplier
    accepted: dict[str, dict[str, float]] = {}
    for product, scenario, k, n in taken(until=end_of(day)):
        if n >= OFFERED_NEEDED:
            accepted.setdefault(product, {})[scenario] = round(acceptance(k, n), 4)
    named = {
        "multipliers": multipliers, "segment_multipliers": by_segment, "acceptance": accepted,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value}


def _changes(active: RecoConfig, values: dict[str, Any]) -> bool:
    def differs(now: Any, then: Any) -> bool:
        if isinstance(then, dict):
            inside = now if isinstance(now, dict) else {}
            return any(differs(inside.get(name), value) for name, value in then.items())
        return bool(now != then)

    return differs(settings_of(active).to_json(), values)


def _words(learning: Learning) -> list[str]:
    if learning.reasons:
        return list(learning.reasons)
    found = []
    for one in learning.scenarios:
        if one.multiplier is None:
            found.append(f"{one.scenario}: too few customers ({one.reason})")
        else:
            found.append(
                f"{one.scenario}: lift {one.lift * 100:+.1f} points, believed "
                f"{one.shrunk * 100:+.1f}; multiplier {one.base:g} → {one.multiplier:g}."
            )
    return found
