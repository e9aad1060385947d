"""The chance of a purchase taken apart: what each of its features adds to the log odds."""

from __future__ import annotations

import numpy as np

from recommendations.scoring.arrays import Floats
from recommendations.scoring.candidates import Candidates
from recommendations.scoring.chance import LIKE_SCALE
from recommendations.scoring.knowledge import Block, Knowledge

NAMES = ("base", "repeat", "age", "popularity", "recent", "like", "size")


def terms_of(known: Knowledge, block: Block, found: Candidates) -> list[dict[str, float]]:
    """Return the addends of each candidate's log odds; they sum up to ln(p / (1 - p)).

    ``popularity`` is that of all time, ``recent`` of the last days, ``like`` what the products
    bought say, ``size`` corrects for how many orders and products the customer has.
    """
    table = np.round(_terms(known, block, found), 3)
    # Adding 0 turns -0 into 0.
    return [dict(zip(NAMES, row, strict=True)) for row in (table + 0.0).tolist()]


def _terms(known: Knowledge, block: Block, found: Candidates) -> Floats:
    coef, history, catalogue = known.settings.chance, known.history, known.catalogue
    bought = (found.pair >= 0).astype(np.float64)
    rows = block.rows[found.who]
    visits = np.maximum(history.visits[rows], 1).astype(np.float64)
    pieces = np.bincount(block.who, weights=history.count[block.pair], minlength=len(block))
    size = np.maximum(pieces[found.who], 1.0) / visits
    own, times, age = (np.zeros(len(found)) for _ in range(3))
    some = found.pair >= 0
    own[some] = history.own[found.pair[some]]
    times[some] = history.count[found.pair[some]]
    age[some] = np.maximum(known.shop.as_of - history.pair_last[found.pair[some]], 0)
    buyers = np.log1p(catalogue.buyers[found.product])
    return np.column_stack(
        (
            coef["one"] + coef["bought"] * bought,
            coef["repeat"] * np.log1p(own) + coef["times"] * np.log1p(times),
            coef["age"] * np.log1p(age),
            (coef["pop"] + coef["pop_bought"] * bought) * buyers,
            coef["recent"] * np.log1p(catalogue.latest_buyers[found.product]),
            coef["like"] * np.log1p(LIKE_SCALE * np.maximum(found.said, 0.0)),
            bought * (coef["orders_bought"] * np.log(visits) + coef["size_bought"] * np.log(size)),
        )
    )
