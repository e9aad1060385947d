"""The reasons of each recommendation as JSON: parts, weights, points, proof, what was missing.

Shape: scenario, slot, mode, components {name: value 0…1, weight, points, evidence}, missing
[names], penalties {name: value, weight, points below 0, evidence}, model {name, signal, strength,
log_odds {part: addend}, because_of [up to three: product id, contribution, order line ids,
customers who bought both]}, eligibility, rank_change, config_hash. The points of components and
penalties add up to the score, as long as it is within 0 and 100. Components of weight 0 are there
to be read. In the plain order by chance the components are the parts of the chance (`parts.py`).
"""

from __future__ import annotations

import msgspec
import numpy as np

from recommendations.scoring import evidence
from recommendations.scoring.arrays import Bools, Floats, Ints
from recommendations.scoring.candidates import Candidates
from recommendations.scoring.due import due
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.parts import Parts, parts_of
from recommendations.scoring.score import MODEL, Scores, readable, weights_of
from recommendations.scoring.settings import COMPONENTS, SCENARIOS
from recommendations.scoring.shop import AXES
from recommendations.scoring.tastes import Tastes
from recommendations.scoring.terms import Terms, log_odds, terms_of
from recommendations.scoring.told import Eligibility, LogOdds, Model, Part, Reasons

_encode = msgspec.json.Encoder().encode


def reasons_of(
    known: Knowledge,
    block: Block,
    tastes: Tastes,
    found: Candidates,
    scores: Scores,
    *,
    mode: str,
    rank_change: Ints,
) -> list[bytes]:
    """Return one JSON object for each of the chosen candidates."""
    by_chance = known.settings.model.signal == "chance"
    taken_apart = terms_of(known, block, found) if by_chance else None
    plain = mode == "signals"
    apart = plain and taken_apart is not None
    if plain and taken_apart:
        components, penalties = parts_of(known, found, scores, taken_apart)
    else:
        components = _components(known, block, tastes, found, scores)
        penalties = _penalties(known, found, scores)
    if plain:
        _add_readable(known, block, tastes, found, components)
    _add_due(known, found, components)
    columns = (
        components,
        _missing(known, found, scores, mode),
        penalties,
        _models(known, block, found, taken_apart, asked=found.explore | apart),
        _eligibility(known, block, found),
        found.scenario.tolist(),
        found.explore.tolist(),
        rank_change.tolist(),
    )
    settings_hash = known.settings.hash
    slots = ("repeat", "explore")
    return [
        _encode(
            Reasons(
                SCENARIOS[scenario], slots[explore], mode, components, missing, penalties, model,
                eligibility, change, settings_hash,
            )
        )
        for components, missing, penalties, model, eligibility, scenario, explore, change in zip(
            *columns, strict=True
        )
    ]  # fmt: skip


def _components(
    known: Knowledge,
    block: Block,
    tastes: Tastes,
    found: Candidates,
    scores: Scores,
) -> Parts:
    points = _points(scores)
    result: Parts = [{} for _ in range(len(found))]
    for place, name in enumerate(COMPONENTS):
        weights = scores.weights[place]
        if not weights.any():
            continue
        proof = _proof(known, block, tastes, found, name)
        columns = (result, _rounded(scores.values[place], 3), weights.tolist(), proof)
        explore = found.explore.tolist()
        for each, value, weight, shown, worth, new in zip(
            *columns, _rounded(points[place], 2), explore, strict=True
        ):
            if weight:
                label = ("explore" if new else "repeat") if place == MODEL else name
                each[label] = Part(value, weight, worth, shown)
    return result


def _add_readable(
    known: Knowledge,
    block: Block,
    tastes: Tastes,
    found: Candidates,
    result: Parts,
) -> None:
    """Add, with weight 0, what a reader wants to know where the order does not need it."""
    for name, values in readable(known, block, tastes, found).items():
        proof = _proof(known, block, tastes, found, name)
        given = (~np.isnan(values)).tolist()
        for each, value, shown, there in zip(
            result, _rounded(values, 3), proof, given, strict=True
        ):
            if there:
                each[name] = Part(value, 0.0, 0.0, shown)


def _points(scores: Scores) -> Floats:
    """Return what each component adds to the score."""
    below = np.maximum(scores.weights.sum(axis=0), 1e-12)
    points = 100.0 * scores.multiplier * scores.weights * np.nan_to_num(scores.values) / below
    return np.asarray(points, np.float64)


def _proof(
    known: Knowledge, block: Block, tastes: Tastes, found: Candidates, name: str
) -> evidence.Evidence:
    if name == "model":
        return [
            before or new
            for before, new in zip(
                evidence.bought_before(known, found), evidence.heard(known, found), strict=True
            )
        ]
    if name in ("family", "attr1", "attr2"):
        return evidence.shares(known, block, found, name, getattr(tastes, name))
    if name == "taste":
        return evidence.aromas(known, tastes, found, AXES)
    makers = {"budget": evidence.prices, "tier": evidence.tiers}
    if name in makers:
        return makers[name](known, block, found)
    if name == "popularity":
        return evidence.popularity(known, found)
    return [{} for _ in range(len(found))]


def _add_due(known: Knowledge, found: Candidates, result: Parts) -> None:
    """Show how due a product is, with weight 0: the signal itself may or may not contain it."""
    shown = evidence.intervals(known, found)
    days = np.array([each.get("days", 0) for each in shown], np.int64)
    gaps = np.array([each.get("gap", np.nan) for each in shown], np.float64)
    for each, proof, value in zip(result, shown, _rounded(due(days, gaps), 3), strict=True):
        if proof:
            each["due"] = Part(value, 0.0, 0.0, proof)


def _missing(known: Knowledge, found: Candidates, scores: Scores, mode: str) -> list[list[str]]:
    if mode == "signals":
        return [[] for _ in range(len(found))]
    lacking = np.isnan(scores.values) & (weights_of(known, found) > 0)
    result: list[list[str]] = [[] for _ in range(len(found))]
    for place, item in zip(*(axis.tolist() for axis in np.nonzero(lacking)), strict=True):
        result[item].append(COMPONENTS[place])
    return result


def _penalties(known: Knowledge, found: Candidates, scores: Scores) -> Parts:
    result: Parts = [{} for _ in range(len(found))]
    weight = known.settings.weights.get("recency_penalty", 0.0)
    below = np.maximum(scores.weights.sum(axis=0), 1e-12)
    points = -100.0 * scores.multiplier * weight * scores.penalty / below
    for item in np.flatnonzero((scores.penalty > 0) & (weight > 0)).tolist():
        last = int(known.history.pair_last[found.pair[item]])
        result[item]["recency"] = Part(
            round(float(scores.penalty[item]), 3),
            weight,
            round(float(points[item]), 2),
            {"days": known.shop.as_of - last},
        )
    return result


def _models(
    known: Knowledge, block: Block, found: Candidates, taken_apart: Terms | None, *, asked: Bools
) -> list[Model]:
    named = known.similarity.name
    signal = known.settings.model.signal
    because = evidence.because_of(known, block, found, asked)
    nothing: list[LogOdds | dict[str, float]] = [{} for _ in range(len(found))]
    addends = log_odds(taken_apart) if taken_apart else nothing
    columns = zip(_rounded(found.signal, 4), found.pair.tolist(), because, addends, strict=True)
    return [
        Model(
            "repeat" if pair >= 0 else named if proof else "popularity",
            signal,
            strength,
            parts,
            proof,
        )
        for strength, pair, proof, parts in columns
    ]


def _eligibility(known: Knowledge, block: Block, found: Candidates) -> list[Eligibility]:
    shop, history = known.shop, known.history
    contact = shop.customers.days_since_contact[block.rows[found.who]].tolist()
    derived = known.catalogue.price_derived[found.product].tolist()
    last = history.pair_last[found.pair].tolist() if len(history) else [0] * len(found)
    recent, window = known.settings.recent_purchase_exclusion_days, shop.silence_window_days
    return [
        Eligibility(
            int(days) if days == days else None,  # not NaN
            window,
            recent,
            evidence.iso(day) if pair >= 0 else None,
            paid,
        )
        for days, paid, day, pair in zip(contact, derived, last, found.pair.tolist(), strict=True)
    ]


def _rounded(values: Floats, places: int) -> list[float]:
    return [float(each) for each in np.round(values, places).tolist()]
