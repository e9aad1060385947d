"""The score of a candidate: a weighted mean of what is known about it, times its scenario's factor.

score = 100 x multiplier x clip((sum of weight x value over known components - penalties) / sum of
their weights, 0, 1), at most 100. What is not known is left out above and below the line, and
named. The plain order ("signals") uses the signal alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommendations.scoring.arrays import AnyArray, Bools, Floats
from recommendations.scoring.candidates import NURTURE, UPSELL, WINBACK, Candidates
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.settings import COMPONENTS, SCENARIOS, default_multipliers
from recommendations.scoring.tastes import Tastes, divided

MODEL, FAMILY, ATTR1, ATTR2, BUDGET, TASTE, NOVELTY, TIER, POPULARITY = range(len(COMPONENTS))


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """By candidate.

    ``values``: float64 of shape (components, candidates), NaN where nothing is known. ``weights``:
    the same shape, 0 where the component does not belong to the scenario. ``penalty``: 0…1 of a
    recent purchase. ``multiplier``. ``total``: unclipped, orders the candidates. ``score``: 0…100,
    two places.
    """

    values: Floats
    weights: Floats
    penalty: Floats
    multiplier: Floats
    total: Floats
    score: Floats

    def take(self, chosen: AnyArray) -> Scores:
        """Return the chosen candidates."""
        return Scores(
            self.values[:, chosen],
            self.weights[:, chosen],
            self.penalty[chosen],
            self.multiplier[chosen],
            self.total[chosen],
            self.score[chosen],
        )


def scores_of(
    known: Knowledge, block: Block, tastes: Tastes, found: Candidates, *, mode: str
) -> Scores:
    """Return the scores of ``found``; ``mode`` is "weighted" or "signals"."""
    multiplier = _multipliers(known, block, found)
    if mode == "signals":
        return _plain(known, found, multiplier)
    values = components_of(known, block, tastes, found)
    weights = weights_of(known, found) * ~np.isnan(values)
    penalty = _penalty(known, found)
    below = weights.sum(axis=0)
    above = (weights * np.nan_to_num(values)).sum(axis=0)
    above -= known.settings.weights.get("recency_penalty", 0.0) * penalty
    total = multiplier * np.clip(divided(above, below, 0.0), 0.0, 1.0)
    score = np.round(100.0 * np.minimum(total, 1.0), 2)
    return Scores(values, weights, penalty, multiplier, total, score)


def _plain(known: Knowledge, found: Candidates, multiplier: Floats) -> Scores:
    """Order by the signal alone; a multiplier counts as far as it differs from its default."""
    usual = np.array([default_multipliers()[name] for name in SCENARIOS])
    factor = multiplier / usual[found.scenario]
    values = np.full((len(COMPONENTS), len(found)), np.nan)
    values[MODEL] = found.value
    weights = np.zeros_like(values)
    weights[MODEL] = 1.0
    chance = known.settings.model.signal == "chance"
    total = factor * (found.signal if chance else found.value)
    score = np.round(100.0 * np.clip(factor * found.value, 0.0, 1.0), 2)
    return Scores(values, weights, np.zeros(len(found)), factor, total, score)


def _multipliers(known: Knowledge, block: Block, found: Candidates) -> Floats:
    segment = known.shop.customers.segment[block.rows[found.who]]
    return known.multipliers[found.scenario, segment]


def weights_of(known: Knowledge, found: Candidates) -> Floats:
    """Return weights by component and candidate; tier and popularity have their own scenarios."""
    table = np.array([[known.settings.weights.get(name, 0.0)] * 5 for name in COMPONENTS])
    only = np.arange(len(SCENARIOS))
    table[TIER, only != UPSELL] = 0.0
    table[POPULARITY, (only != WINBACK) & (only != NURTURE)] = 0.0
    return np.asarray(table[:, found.scenario], np.float64)


def components_of(known: Knowledge, block: Block, tastes: Tastes, found: Candidates) -> Floats:
    """Return the value of each component, NaN where the data for it are missing."""
    products, history, catalogue = known.shop.products, known.history, known.catalogue
    rows, product = block.rows[found.who], found.product
    values = np.full((len(COMPONENTS), len(found)), np.nan)
    values[MODEL] = found.value
    shares = ((FAMILY, products.family, tastes.family), (ATTR1, products.attr1, tastes.attr1))
    for place, code, share in (*shares, (ATTR2, products.attr2, tastes.attr2)):
        values[place] = _liking(share, found, code[product])
    values[BUDGET] = budget(catalogue.price[product], history.unit_price[rows])
    values[TASTE] = _taste(known, tastes, found)
    values[NOVELTY] = found.pair < 0
    tier = products.tier[product].astype(np.float64)
    lift = np.where(tier >= 0, tier - history.tier[rows], np.nan)
    values[TIER] = np.clip(lift / 2.0, 0.0, 1.0)
    values[POPULARITY] = catalogue.popularity[product]
    return values


def readable(
    known: Knowledge, block: Block, tastes: Tastes, found: Candidates
) -> dict[str, Floats]:
    """Return the components that people read also where the order does not need them."""
    products, own = known.shop.products, known.history.unit_price[block.rows[found.who]]
    return {
        "family": _liking(tastes.family, found, products.family[found.product]),
        "budget": budget(known.catalogue.price[found.product], own),
    }


def _liking(share: Floats, found: Candidates, code: AnyArray) -> Floats:
    """Return the customer's share of the product's value over the customer's largest share."""
    if not share.shape[1]:
        return np.full(len(found), np.nan)
    largest = share.max(axis=1)[found.who]
    liked = divided(share[found.who, code], largest, np.nan)
    return np.where(code >= 0, liked, np.nan)


def budget(price: Floats, own: Floats) -> Floats:
    """Return 1 for a price like those paid before, .5 for double or half, 0 from fourfold on.

    >>> budget(np.array([10.0, 20, 5, 40, 90]), np.full(5, 10.0)).tolist()
    [1.0, 0.5, 0.5, 0.0, 0.0]
    """
    usable = (price > 0) & (own > 0)
    ratio = np.divide(price, own, out=np.full(len(price), np.nan), where=usable)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(np.log2(ratio)) / 2.0), np.float64)


def _taste(known: Knowledge, tastes: Tastes, found: Candidates) -> Floats:
    """Return confidence x (1 + cosine of product and profile, both less the shop's mean) / 2."""
    axes = known.shop.products.axes
    result = np.full(len(found), np.nan)
    if np.isnan(axes).all():
        return result
    mean = _known_mean(axes[known.catalogue.offered])
    profile = tastes.profile[found.who] - mean
    product = axes[found.product] - mean
    both = ~np.isnan(profile) & ~np.isnan(product)
    left, right = np.where(both, profile, 0.0), np.where(both, product, 0.0)
    length = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    cosine = divided((left * right).sum(axis=1), length, 0.0)
    confidence = tastes.confidence[found.who] * known.settings.model.aroma_confidence
    return np.where(both.any(axis=1), np.minimum(confidence, 1.0) * (1.0 + cosine) / 2.0, np.nan)


def _known_mean(axes: AnyArray) -> Floats:
    known = ~np.isnan(axes)
    return divided(np.where(known, axes, 0.0).sum(axis=0), known.sum(axis=0), np.nan)


def _penalty(known: Knowledge, found: Candidates) -> Floats:
    """Return 1 right after a purchase, falling to 0 at twice the exclusion; 0 for new products."""
    bought: Bools = found.pair >= 0
    penalty = np.zeros(len(found))
    last = known.history.pair_last[found.pair[bought]]
    span = max(1, 2 * known.settings.recent_purchase_exclusion_days)
    penalty[bought] = np.maximum(0.0, 1.0 - (known.shop.as_of - last) / span)
    return penalty
