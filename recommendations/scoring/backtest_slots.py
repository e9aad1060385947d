"""Whether the items of each scenario earn their place: paired with the simplest rule of their kind.

REBUY is compared with the customer's own decayed frequency, new products with the popularity of the
last 30 days among products never bought: for every customer as many items of the simple rule as
our list has of the scenario, from the same products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from recommendations.scoring.arrays import Bools, Floats, Ints
from recommendations.scoring.backtest_bootstrap import Resampler, joined
from recommendations.scoring.backtest_measures import SHORT, Places, member
from recommendations.scoring.backtest_origins import Origin
from recommendations.scoring.backtest_plans import OwnLists
from recommendations.scoring.chance_fit import NEWS, REPEATS
from recommendations.scoring.settings import EXPLORE_SCENARIOS, SCENARIOS

NEW = "EXPLORE"
"""All items of products never bought before, whatever their scenario."""

OWN_RIVAL, NEW_RIVAL = "own_bought", "popular_new"

LEAST_ITEMS = 50

SURE_ITEMS = 1000
"""With fewer items a mean below the rival's is taken for chance."""


@dataclass(slots=True, eq=False)
class Judged:
    """What everybody would have offered at one origin.

    ``lists``: by method and whether recent purchases are excluded; ``longer``: ours for ten places.
    ``plan``, ``values``, ``plainly``: how ours were made, and which kinds of items had fallen back.
    ``tried``: lists of every plan with the scenarios, before any kind fell back.
    """

    origin: Origin
    plan: str
    values: dict[str, Any]
    tried: dict[str, OwnLists]
    plainly: tuple[str, ...] = ()
    lists: dict[tuple[str, bool], Places] = field(default_factory=dict)
    longer: dict[bool, Places] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """The items of one scenario. Shares are bought in the next basket per item.

    ``difference``: ours minus the rival's, with its 95 % interval; None without items. ``verdict``:
    "beats" (interval above 0), "above" (mean above 0), "same", "not above" (mean below 0), "below"
    (interval below 0), "too few" or "none".
    """

    scenario: str
    rival: str
    items: int
    share: float | None
    rival_share: float | None
    difference: dict[str, float] | None
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def slots_of(
    judged: Sequence[Judged], plan: str, *, draws: int, seed: int, before: int | None = None
) -> list[Slot]:
    """Return one row per scenario of a plan, and one for all products never bought before.

    ``before``: only next baskets placed up to that day.
    """
    known = [one.origin.next_day <= (before or 1 << 60) for one in judged]
    rows = [one.origin.rows[use] for one, use in zip(judged, known, strict=True)]
    sampler = Resampler(np.concatenate(rows or [np.zeros(0, np.int64)]), draws=draws, seed=seed)
    slots = []
    for name in (*SCENARIOS, NEW):
        codes = [SCENARIOS.index(x) for x in (EXPLORE_SCENARIOS if name == NEW else (name,))]
        rival = NEW_RIVAL if name == NEW or name in EXPLORE_SCENARIOS else OWN_RIVAL
        parts = [
            tuple(column[use] for column in _counts(one, plan, codes, rival))
            for one, use in zip(judged, known, strict=True)
        ]
        slots.append(_slot(parts, sampler, name, rival))
    return slots


def _counts(one: Judged, plan: str, codes: list[int], rival: str) -> tuple[Floats, Floats, Floats]:
    """Return by customer the items of these scenarios, those bought, and the rival's bought."""
    lists = one.tried[plan]
    chosen = np.isin(lists.scenario[:, :SHORT], codes)
    places = np.where(chosen, lists.products[:, :SHORT], -1)
    count = chosen.sum(axis=1)
    ours = _bought(one.origin, places, np.full(len(count), SHORT))
    return count.astype(np.float64), ours, _bought(one.origin, one.lists[rival, True], count)


def _slot(parts: Sequence[tuple[Floats, ...]], sampler: Resampler, name: str, rival: str) -> Slot:
    items, found, others = (joined([part[at] for part in parts]) for at in range(3))
    total = int(items.sum())
    if not total:
        return Slot(name, rival, 0, None, None, None, "none")
    difference = sampler.interval(found - others, items)
    return Slot(
        scenario=name,
        rival=rival,
        items=total,
        share=round(float(found.sum()) / total, 6),
        rival_share=round(float(others.sum()) / total, 6),
        difference=difference,
        verdict=_verdict(total, difference),
    )


def _bought(origin: Origin, places: Places, count: Ints) -> Any:
    """Return how many of each customer's first ``count`` items were in the next basket."""
    hits: Bools = member(places, origin.basket.keys, origin.products)
    within = np.arange(places.shape[1]) < count[:, None]
    return (hits & within).sum(axis=1).astype(np.float64)


def _verdict(items: int, difference: dict[str, float] | None) -> str:
    if difference is None or items < LEAST_ITEMS:
        return "too few"
    if difference["low"] > 0:
        return "beats"
    if difference["high"] < 0:
        return "below"
    mean = difference["mean"]
    if mean < 0:
        return "not above" if items >= SURE_ITEMS else "too few"
    return "above" if mean > 0 else "same"


LOSING = ("below", "not above")


def losing(slots: Sequence[Slot]) -> tuple[str, ...]:
    """Return which kinds of items fall back to the simplest rule, because they do not reach it."""
    verdicts = {slot.scenario: slot.verdict for slot in slots}
    kinds = {REPEATS: ("REBUY",), NEWS: ("CROSS_SELL", NEW)}
    return tuple(
        kind for kind, names in kinds.items() if any(verdicts[name] in LOSING for name in names)
    )
