"""Baselines that learn a model at each origin: TIFU-kNN, and the peer's ALS where installed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recommendations.scoring import baselines_als as als
from recommendations.scoring.arrays import Singles
from recommendations.scoring.backtest_measures import SHORT, lists_by, worth_of
from recommendations.scoring.backtest_origins import Origin
from recommendations.scoring.baselines import purchases
from recommendations.scoring.baselines_tifu import Tifu, TifuModel, vectors

Scores = Callable[[Origin, int, int], Singles]


def neighbours_of(origin: Origin, tifu: Tifu | None = None) -> Scores:
    """Return TIFU-kNN's scores for an origin."""
    history = origin.known.history
    chosen = tifu or Tifu()
    table = vectors(
        history.lines.customer.astype(np.int64),
        history.lines.product.astype(np.int64),
        history.ordinal.astype(np.int64),
        history.orders,
        origin.products,
        chosen,
    )
    model = TifuModel(table, history.orders, chosen)
    return lambda asked, start, stop: model.scores(asked.rows[start:stop])


class Peer:
    """ALS of ``implicit``; ``absent`` says why there is no such row, ``chosen`` how it was set."""

    def __init__(self) -> None:
        self.library = als.library()
        self.chosen: als.AlsSettings | None = None

    @property
    def absent(self) -> str:
        """Return why the peer is missing, "" where it is not."""
        return "" if self.library else als.ABSENT

    @property
    def words(self) -> str:
        """Return how the peer was set."""
        if self.chosen is None:
            return ""
        return f"{self.chosen.factors} factors, confidence of a purchase {self.chosen.alpha:g}"

    def scores(self, origin: Origin, *, chunk: int) -> Scores | None:
        """Return ALS scores; the first origin asked also chooses the settings by its NDCG@3."""
        if self.library is None:
            return None
        binary = purchases(origin, np.ones(len(origin.known.history), np.float32))
        tried = (self.chosen,) if self.chosen else als.TRIED
        best, best_mean = None, -1.0
        for one in tried:
            scores = _scores_of(als.AlsModel(self.library, binary, one))
            mean = 0.0
            if len(tried) > 1:
                lists = lists_by(origin, scores, kind="any", exclusion=True, chunk=chunk)
                mean = float(worth_of(origin, lists, origin.basket, SHORT).values["ndcg"].mean())
            if mean > best_mean:
                best, best_mean, self.chosen = scores, mean, one
        return best


def _scores_of(model: als.AlsModel) -> Scores:
    return lambda asked, start, stop: model.scores(asked.rows[start:stop])
