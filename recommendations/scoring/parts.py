"""The parts of the plain order: bars that say what makes a customer likely to buy a product.

Each part of the chance (`terms.py`) is a component where it lifts the score and a penalty where it
lowers it. ``points`` add up to the score; ``value`` is the part's share of all that speaks for or
against (of ``start``: the chance of an ordinary product); the weight is always 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recommendations.scoring import chance, evidence
from recommendations.scoring.arrays import Floats
from recommendations.scoring.candidates import Candidates
from recommendations.scoring.knowledge import Knowledge
from recommendations.scoring.score import MODEL, Scores
from recommendations.scoring.terms import NAMES, START, Terms, points_of
from recommendations.scoring.told import Part

Parts = list[dict[str, Part]]


def parts_of(
    known: Knowledge, found: Candidates, scores: Scores, terms: Terms
) -> tuple[Parts, Parts]:
    """Return the components and the penalties of each chosen candidate."""
    full = 100.0 * scores.multiplier * scores.values[MODEL]
    start, points = points_of(terms, found.signal, full)
    ordinary = round(float(chance.probability(np.array([terms.start]))[0]), 5)
    components: Parts = [
        {START: Part(ordinary, 1.0, worth, {"chance": ordinary})} for worth in _plain(start, 2)
    ]
    penalties: Parts = [{} for _ in range(len(found))]
    size = np.abs(terms.table)
    share = size / np.maximum(size.sum(axis=1), 1e-12)[:, None]
    for place, name in enumerate(NAMES):
        proof = _proof(known, found, name)
        columns = (components, penalties, _plain(share[:, place], 3), _plain(points[:, place], 2))
        for good, bad, value, worth, shown in zip(*columns, proof, strict=True):
            if worth:
                (good if worth > 0 else bad)[name] = Part(value, 1.0, worth, shown)
    return components, penalties


def _plain(values: Floats, places: int) -> list[float]:
    return [float(each) for each in (np.round(values, places) + 0.0).tolist()]


def _proof(known: Knowledge, found: Candidates, name: str) -> Sequence[dict[str, Any]]:
    if name == "repeat":
        return evidence.bought_before(known, found)
    if name == "age":
        return evidence.since_bought(known, found)
    if name == "popularity":
        return evidence.demand(known, found)
    return evidence.heard(known, found)
