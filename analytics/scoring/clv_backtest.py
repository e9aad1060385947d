"""Predict earlier days from what was known then, compare with what happened, choose a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analytics.scoring.clv_candidates import BASELINES, LABELS, NotUsableError, learn
from analytics.scoring.clv_candidates import rates_of_score as rates_of
from analytics.scoring.clv_evaluation import TOP as BEST_PART
from analytics.scoring.clv_evaluation import (
    Evaluation,
    auc,
    auc_interval,
    average_precision,
    evaluate,
    top_share,
)
from analytics.scoring.clv_histories import FloatArray
from analytics.scoring.clv_levels import levelled, observed_slope, trusted_slope
from analytics.scoring.clv_past import STRIDE, Archive, Past, Window
from analytics.scoring.clv_snapshot import Snapshot

ORIGINS = 4
"""Earlier days that are predicted."""

MIN_ORIGINS = 3
"""With fewer, nothing is chosen by them."""

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One model at one origin. ``evaluation`` is None where it could not be used (``words``).

    ``slope``: by what its log-odds should have been multiplied, known once the window is over.
    """

    model: str
    origin: int
    evaluation: Evaluation | None = None
    interval: tuple[float, float] | None = None
    slope: float = 1.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class BackTest:
    """All models and baselines at all origins of one horizon.

    ``chosen``: the model to use; empty where there are too few origins. ``why``: for people.
    """

    days: int
    origins: tuple[int, ...]
    trials: Mapping[str, Sequence[Trial]] = field(default_factory=dict)
    chosen: str = ""
    why: str = ""

    def mean(self, model: str, figure: str, places: Sequence[int] | None = None) -> float | None:
        """Return the mean of a figure over the origins at which the model was used.

        ``places``: only these of the origins, as numbers from 0.
        """
        trials = self.trials[model]
        wanted = trials if places is None else [trials[place] for place in places]
        found = [getattr(t.evaluation, figure) for t in wanted if t.evaluation]
        known = [value for value in found if value is not None]
        return float(np.mean(known)) if known else None


def back_test(archive: Archive, as_of: int, days: int, tell: Told = lambda _: None) -> BackTest:
    """Predict up to ORIGINS earlier days; their windows of ``days`` days end by ``as_of``."""
    every = [as_of - days - STRIDE * number for number in range(ORIGINS)]
    origins = [one for one in every if archive.has(one) and archive.past(one, days).windows]
    trials: dict[str, list[Trial]] = {name: [] for name in (*LABELS, *BASELINES)}
    for origin in reversed(origins):  # oldest first: later ones learn from the spread of earlier
        tell(f"Predicting {days} days from an earlier day")
        past, after = archive.past(origin, days), archive.window(origin, days)
        for model in LABELS:
            trials[model].insert(0, _trial(model, past, after, trials[model]))
        for name in BASELINES:
            trials[name].insert(0, _baseline(name, past, after))
    test = BackTest(days, tuple(origins), trials)
    chosen, why = _choose(test)
    return BackTest(days, tuple(origins), trials, chosen, why)


def predict(model: str, past: Past, then: Snapshot, earlier: Sequence[Trial]) -> FloatArray:
    """Return the probability of a purchase of each customer in the days after the origin.

    ``then``: the customers to predict (all of them, where ``past`` knows a sample). ``earlier``:
    trials of the model. Raises ``NotUsableError``.
    """
    return levelled(
        learn(model, past)(then),
        slope=trusted_slope(_slopes(earlier, past)),
        rate=past.rate(),
    )


def _slopes(earlier: Sequence[Trial], past: Past) -> list[float]:
    """Return the spreads that were known at the origin, newest first."""
    over = [t for t in earlier if t.evaluation and t.origin + past.days <= past.origin]
    return [trial.slope for trial in over]


def _trial(model: str, past: Past, after: Window, earlier: Sequence[Trial]) -> Trial:
    try:
        ranker = learn(model, past)
    except NotUsableError as error:
        return Trial(model, past.origin, words=str(error))
    odds = ranker(past.now)
    chance = levelled(odds, slope=trusted_slope(_slopes(earlier, past)), rate=past.rate())
    return Trial(
        model,
        past.origin,
        evaluate(chance, after.bought),
        auc_interval(odds, after.bought),
        observed_slope(odds, after.bought),
    )


def _baseline(name: str, past: Past, after: Window) -> Trial:
    """Rank by the plain score itself; its probabilities are the rates of the newest window."""
    score, bought = past.now.scores[name], after.bought
    found = evaluate(rates_of(past.windows[0], name, past.now), bought)
    ranked = Evaluation(
        **{
            **{part: getattr(found, part) for part in found.__dataclass_fields__},
            "auc": auc(score, bought),
            "average_precision": average_precision(score, bought),
            "lift": top_share(score, bought) / BEST_PART if bought.any() else None,
        }
    )
    return Trial(name, past.origin, ranked, auc_interval(score, bought))


def _choose(test: BackTest) -> tuple[str, str]:
    """Return the model of least log loss among those that rank at least as well as any baseline."""
    if len(test.origins) < MIN_ORIGINS:
        return "", (
            f"The orders allow {len(test.origins)} earlier days to be predicted for {test.days} "
            f"days ahead; choosing a model needs {MIN_ORIGINS}."
        )
    usable = [m for m in LABELS if all(t.evaluation for t in test.trials[m][:MIN_ORIGINS])]
    # Compared at the same days: those at which every one of them could be used.
    known = [
        place
        for place in range(len(test.origins))
        if all(test.trials[m][place].evaluation for m in usable)
    ]
    loss = {m: test.mean(m, "log_loss", known) or 0.0 for m in usable}
    order = {m: test.mean(m, "auc", known) or 0.0 for m in usable}
    bar = max((test.mean(name, "auc", known) or 0.0) for name in BASELINES)
    fair = [m for m in usable if order[m] >= bar]
    if not usable:
        return "", "No model could be used at every earlier day."
    best = min(fair, key=loss.__getitem__) if fair else max(usable, key=order.__getitem__)
    words = (
        f"{LABELS[best]} was chosen for {test.days} days: over {len(known)} earlier days its "
        f"log loss was {loss[best]:.4f} and its AUC {order[best]:.3f}, that of the best plain "
        f"score {bar:.3f}."
    )
    if not fair:
        words += " No model ranked customers better than that plain score did."
    return best, words
