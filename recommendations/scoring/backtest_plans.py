"""Ways of making lists that a back-test lets compete, and how one of them is chosen.

At each origin the choice is made by what was known that day: coefficients are fitted to, and plans
compared on, next baskets of earlier origins that were already placed. So the row "our lists" of a
back-test is what a run of that day would have offered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Bools, Floats, Ints
from recommendations.scoring.backtest_measures import LENGTH, SHORT, Places
from recommendations.scoring.backtest_origins import Origin
from recommendations.scoring.chance_fit import plainly_ordered
from recommendations.scoring.engine import recommend
from recommendations.scoring.knowledge import Knowledge, learn
from recommendations.scoring.settings import FEATURES, RecoSettings

SIGNALS, WEIGHTED = "signals", "weighted"

NEAR = 0.005
"""Relative difference in NDCG below which two plans count as equal: the simpler one stays."""


LEAST_TRIALS = 30
"""Later baskets below which plans are not compared."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A way of making lists: ``values`` are merged over the settings of the shop."""

    name: str
    label: str
    mode: str
    values: Mapping[str, Any] = field(default_factory=dict)
    fitted: bool = True


def _only(**coefficients: float) -> dict[str, float]:
    """Return coefficients of the chance where all others are 0."""
    return {name: coefficients.get(name, 0.0) for name in FEATURES}


_OPEN = {"nurture_any": True}
_FREE = [{"repeat": 0, "explore": 0, "open": 3, "min_orders": 0}]
_FIXED = [
    {"repeat": 1, "explore": 2, "open": 0, "min_orders": 0},
    {"repeat": 2, "explore": 1, "open": 0, "min_orders": 2},
]

PLANS = (
    Plan("signals", "Chance of a purchase, free places", SIGNALS, {"slots": _FREE}),
    Plan("as_shipped", "Chance as shipped, free places", SIGNALS, {"slots": _FREE}, fitted=False),
    Plan(
        "signals_open", "Chance, products of own families for all", SIGNALS,
        {"slots": _FREE, "scenario": _OPEN},
    ),
    Plan(
        "fixed", "Chance, 2 places for repeats and 1 to explore", SIGNALS, {"slots": _FIXED},
    ),
    Plan(
        "formula", "Own decayed counts and EASE, 2 + 1 places", SIGNALS,
        {"slots": _FIXED, "model": {"signal": "formula"}}, fitted=False,
    ),
    Plan(
        "own", "Own decayed frequency, then what is popular now", SIGNALS,
        {"slots": _FREE, "chance": _only(one=-6.0, bought=4.0, repeat=1.0, recent=0.05)},
        fitted=False,
    ),
    Plan(
        "ease", "EASE alone, bought before or not", SIGNALS,
        {"slots": _FREE, "scenario": _OPEN, "chance": _only(one=-3.0, like=1.0, recent=1e-4)},
        fitted=False,
    ),
    Plan(
        "ease_new", "EASE alone, products never bought first", SIGNALS,
        {"slots": _FREE, "scenario": _OPEN,
         "chance": _only(one=-3.0, bought=-9.0, like=1.0, recent=1e-4)}, fitted=False,
    ),
    Plan(
        "popular", "What is popular now", SIGNALS,
        {"slots": _FREE, "scenario": _OPEN, "chance": _only(one=-6.0, recent=1.0, pop=1e-4)},
        fitted=False,
    ),
    Plan("weighted", "Weighted score, free places", WEIGHTED, {"slots": _FREE}),
)  # fmt: skip
"""In the order of preference among equals."""


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``; what is nested is merged key by key.

    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
    {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    result = dict(base)
    for name, value in changes.items():
        inside = result.get(name)
        both = isinstance(inside, Mapping) and isinstance(value, Mapping)
        result[name] = merged(inside or {}, value) if both else value
    return result


def settings_for(
    base: RecoSettings, plan: Plan, chance: Mapping[str, float] | None
) -> tuple[RecoSettings, dict[str, Any]]:
    """Return the settings of a plan, and the values that make them out of ``base``."""
    values = dict(plan.values)
    if plan.fitted and chance is not None:
        values["chance"] = dict(chance)
    return RecoSettings.from_json(merged(base.to_json(), values)), values


@dataclass(frozen=True, slots=True, eq=False)
class OwnLists:
    """Lists of one plan at one origin; ``scenario``: by place, -1 where the list has no item."""

    products: Places
    scenario: npt.NDArray[np.int8]


def own_lists(
    origin: Origin, settings: RecoSettings, *, mode: str, length: int = SHORT, exclusion: bool
) -> OwnLists:
    """Return what the engine offers the customers of an origin under ``settings``."""
    if length != SHORT:
        settings = replace(
            settings, max_recos=length, slots=tuple(_longer(slot) for slot in settings.slots)
        )
    if not exclusion:
        settings = without_exclusion(settings)
    products = np.full((len(origin), LENGTH), -1, np.int32)
    scenario = np.full((len(origin), LENGTH), -1, np.int8)
    known = _known(origin, settings)
    for part in recommend(
        known.shop, settings, mode=mode, customers=origin.rows, reasons=False, known=known
    ):
        items = part.items
        place = np.searchsorted(origin.rows, items.customer)
        products[place, items.rank - 1] = items.product
        scenario[place, items.rank - 1] = items.scenario
    return OwnLists(products, scenario)


def without_exclusion(settings: RecoSettings) -> RecoSettings:
    """Return settings under which what was bought yesterday may be offered again."""
    scenario = replace(settings.scenario, rebuy_min_recency_days=0, rebuy_interval_share=0.0)
    return replace(settings, recent_purchase_exclusion_days=0, scenario=scenario)


def _longer(slot: Any) -> Any:
    """Return a slot plan for ten places with the shares of the one for three."""
    total = slot.repeat + slot.explore + slot.open
    repeat = LENGTH * slot.repeat // total
    explore = LENGTH * slot.explore // total
    return replace(slot, repeat=repeat, explore=explore, open=LENGTH - repeat - explore)


def _known(origin: Origin, settings: RecoSettings) -> Knowledge:
    """Return what the origin knows, learned again only where the settings change that."""
    known = origin.known
    if settings.model == replace(known.settings.model, signal=settings.model.signal):
        return replace(known, settings=settings)
    return learn(known.shop, settings)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """NDCG@3 on the next basket of one method at one origin, by customer (rows of the shop)."""

    customer: Ints
    ndcg: Floats
    next_day: Ints


def best_plan(trials: Mapping[str, Sequence[Trial]], *, before: int, allowed: Sequence[str]) -> str:
    """Return the name of the plan with the best mean on baskets placed up to day ``before``.

    A plan takes the place of one before it in ``allowed`` (the order of preference) only where it
    is better by `NEAR` and by more than the standard error of the paired difference: on a handful
    of baskets, chance would choose. With fewer than `LEAST_TRIALS` it is the first.
    """
    best = allowed[0]
    theirs = values_before(trials[best], before)
    if len(theirs) < LEAST_TRIALS:
        return best
    for name in allowed[1:]:
        mine = values_before(trials[name], before)
        gain = mine - theirs
        error = float(gain.std() / np.sqrt(len(gain)))
        if float(gain.mean()) > max(NEAR * float(theirs.mean()), error):
            best, theirs = name, mine
    return best


def values_before(trials: Sequence[Trial], before: int) -> Floats:
    """Return NDCG of the customers whose next basket was placed up to ``before``."""
    values = [trial.ndcg[trial.next_day <= before] for trial in trials]
    return np.concatenate(values or [np.zeros(0)])


def simplest(
    base: RecoSettings, plan: Plan, chance: Mapping[str, float] | None, plainly: Collection[str]
) -> dict[str, Any]:
    """Return the values of a plan whose losing kinds of items are ordered by the simplest rule.

    ``chance``: coefficients fitted under that condition; None where there is no fit, then they are
    made of those of ``base``. Only the plain order of signals can promise such an order.
    """
    values = {key: value for key, value in plan.values.items() if key in ("slots", "scenario")}
    kept = plainly_ordered(base.chance if chance is None else chance, plainly)
    return values | {"model": {"signal": "chance"}, "chance": kept}


def placed_by(origin: Origin, places: Ints, before: int) -> Bools:
    """Return which rows belong to customers whose next basket was placed up to ``before``."""
    return np.asarray(origin.next_day[places] <= before, np.bool_)
