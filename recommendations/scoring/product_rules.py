"""Why one product is not offered to one customer: an answer for every pair of them.

Asks the same functions that make the lists, so the answer cannot differ from them. It needs what
the whole shop teaches (`learn`): seconds for a large shop, microseconds for each further question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommendations.scoring.arrays import is_member
from recommendations.scoring.candidates import (
    CROSS_SELL,
    NURTURE,
    UPSELL,
    WINBACK,
    Candidates,
    ProductRules,
    candidates_of,
)
from recommendations.scoring.catalogue import failing_rules
from recommendations.scoring.evidence import iso
from recommendations.scoring.knowledge import Block, Knowledge, block_of, learn
from recommendations.scoring.repeat import waiting_days
from recommendations.scoring.scenarios import Fits, fits_of, refusals
from recommendations.scoring.score import Scores, scores_of
from recommendations.scoring.settings import SCENARIOS, RecoSettings
from recommendations.scoring.shop import Shop
from recommendations.scoring.slots import chosen_of
from recommendations.scoring.tastes import Tastes, tastes_of


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against the offer; ``details`` are data, not words."""

    code: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    known: Knowledge
    block: Block
    tastes: Tastes
    fits: Fits
    product: int
    mode: str

    @property
    def place(self) -> int | None:
        """Return the place of the product among the customer's pairs, None if never bought."""
        found = np.flatnonzero(self.block.product == self.product)
        return int(found[0]) if len(found) else None


def why_not(
    shop: Shop,
    settings: RecoSettings,
    customer: int,
    product: int,
    *,
    mode: str | None = None,
    known: Knowledge | None = None,
) -> list[Reason]:
    """Return everything that keeps the product (row) from the customer's (row) list.

    A single reason OFFERED says that it is on it. Raises IndexError for rows the shop has not.
    """
    if not (0 <= customer < len(shop.customers) and 0 <= product < len(shop.products)):
        raise IndexError("The shop has no such customer or product.")
    known = known or learn(shop, settings)
    block = block_of(known, np.array([customer]))
    tastes = tastes_of(known, block)
    plain = settings.mode if settings.mode != "auto" else "signals"
    case = _Case(known, block, tastes, fits_of(known, block, tastes), product, mode or plain)
    against = [*_of_catalogue(case), *_of_history(case), *_of_scenarios(case)]
    return against if against else _outranked(case)


def _of_catalogue(case: _Case) -> list[Reason]:
    known, product = case.known, case.product
    codes = failing_rules(known.shop, known.catalogue.price, product, known.settings)
    return [Reason(code) for code in codes]


def _of_history(case: _Case) -> list[Reason]:
    """Return what the customer's own purchases and returns forbid in every scenario."""
    known, settings = case.known, case.known.settings
    key = case.block.rows * max(1, len(known.shop.products)) + case.product
    found = []
    if is_member(known.history.returned, key)[0]:
        found.append(Reason("RETURNED"))
    place = case.place
    limit = settings.recent_purchase_exclusion_days
    if place is not None and case.block.days[place] < limit:
        days = int(case.block.days[place])
        last = {"days": days, "last_on": iso(known.shop.as_of - days), "limit": limit}
        found.append(Reason("BOUGHT_RECENTLY", last))
    if settings.avoid_exported and is_member(known.exported, key)[0] and _others_left(case):
        found.append(Reason("REPEATED_RECOMMENDATION"))
    return found


def _others_left(case: _Case) -> bool:
    """Return whether the list is filled without what was exported lately."""
    return bool(len(_ranked(case, avoid_exported=True)[2]))


def _of_scenarios(case: _Case) -> list[Reason]:
    """Return why no scenario takes the product; nothing if one does."""
    known, fits, place = case.known, case.fits, case.place
    refused = {each["scenario"]: each for each in refusals(known, fits, case.tastes, 0)}
    named = [Reason(each["code"], each) for each in refused.values()]
    if place is not None:
        return _of_repeat(case, place, refused)
    column = int(known.similarity.column[case.product])
    if column < 0:
        buyers = int(known.catalogue.buyers[case.product])
        return [Reason("TOO_FEW_BUYERS", {"buyers": buyers})]
    asked = {
        WINBACK: fits.winback, CROSS_SELL: fits.cross_sell, UPSELL: fits.upsell,
        NURTURE: fits.nurture,
    }  # fmt: skip
    fitting = [scenario for scenario, flag in asked.items() if flag[0]]
    broken = [_broken(case, scenario, column) for scenario in fitting]
    if any(reason is None for reason in broken):
        return []
    return [reason for reason in broken if reason] + named


def _of_repeat(case: _Case, place: int, refused: dict[str, Any]) -> list[Reason]:
    known, fits, days = case.known, case.fits, int(case.block.days[place])
    if fits.winback[0]:
        return []
    if not fits.rebuy[0]:
        return [Reason(each["code"], each) for each in refused.values()]
    needs = float(waiting_days(known, case.block.pair[place : place + 1])[0])
    most = known.settings.scenario.rebuy_max_recency_days
    if days < needs and days >= known.settings.recent_purchase_exclusion_days:
        return [Reason("NOT_DUE", {"days": days, "needs": round(needs, 1)})]
    return [Reason("TOO_OLD", {"days": days, "most": most})] if days > most else []


def _broken(case: _Case, scenario: int, column: int) -> Reason | None:
    """Return which rule of a scenario the product breaks, None if it keeps all."""
    rules = ProductRules(case.known, case.block, case.tastes)
    first = np.array([0])
    named = {"scenario": SCENARIOS[scenario]}
    shop, catalogue = case.known.shop, case.known.catalogue
    family = shop.products.family[case.product]
    label = {"family": shop.products.families[family] if family >= 0 else None}
    if scenario == CROSS_SELL and not rules.cross_sell(first)[0, column]:
        if rules.dominant(first)[0, column]:
            return Reason("DOMINANT_FAMILY", named | label)
        limit = case.known.settings.scenario.cross_sell_min_support
        return Reason(
            "SUPPORT", {**named, "buyers": int(catalogue.buyers[case.product]), "limit": limit}
        )
    if scenario == UPSELL and not rules.upsell(first)[0, column]:
        return Reason("NOT_OWN_FAMILY" if rules.higher(first)[0, column] else "NOT_HIGHER", named)
    if scenario == WINBACK and not rules.own_family(first)[0, column]:
        return Reason("NOT_OWN_FAMILY", named | label)
    if scenario == NURTURE and not rules.nurture(first)[0, column]:
        own = rules.own_family(first)[0, column]
        return Reason("PRICE_FAR", named) if own else Reason("NOT_OWN_FAMILY", named | label)
    return None


def _ranked(
    case: _Case, *, avoid_exported: bool
) -> tuple[Candidates, Scores, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return all candidates of the customer, their scores, and the places of the chosen ones."""
    known = case.known
    found = candidates_of(
        known,
        case.block,
        case.fits,
        case.tastes,
        count=len(known.shop.products),
        avoid_exported=avoid_exported,
    )
    scores = scores_of(known, case.block, case.tastes, found, mode=case.mode)
    return found, scores, chosen_of(known, found, scores, case.fits.orders)


def _outranked(case: _Case) -> list[Reason]:
    """Return that it is offered, or by what it was beaten."""
    avoid = case.known.settings.avoid_exported
    found, scores, chosen = _ranked(case, avoid_exported=avoid)
    if avoid and not len(chosen):
        found, scores, chosen = _ranked(case, avoid_exported=False)
    listed = found.product[chosen].tolist()
    mine = np.flatnonzero(found.product == case.product)
    details: dict[str, Any] = {"score": None, "rank": None, "lowest": None}
    if len(mine):
        best = mine[np.argmax(scores.total[mine])]
        if case.product in listed:
            details = {"rank": listed.index(case.product) + 1}
            return [Reason("OFFERED", details | {"scenario": SCENARIOS[found.scenario[best]]})]
        rank = 1 + len(np.unique(found.product[scores.total > scores.total[best]]))
        lowest = float(scores.score[chosen].min(initial=100.0))
        details = {"score": float(scores.score[best]), "rank": rank, "lowest": lowest}
    families = case.known.shop.products.family
    same = [x for x in listed if families[x] == families[case.product] >= 0]
    if same and case.known.settings.one_per_family:
        taken = int(case.known.shop.products.id[same[0]])
        name = case.known.shop.products.families[families[case.product]]
        return [Reason("SAME_FAMILY", {"family": name, "product": taken, **details})]
    return [Reason("RANKED_BELOW", details)]
