"""Expected orders and money: from which model, at which level, and how wrong it was before.

The level is what earlier predictions of 90 days missed in all: orders and money are multiplied by
it. The error that remains is measured at days whose level was set by still earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from analytics.scoring.clv_evaluation import ValueEvaluation, evaluate_values
from analytics.scoring.clv_histories import FloatArray, Histories
from analytics.scoring.clv_past import STRIDE, Archive
from analytics.scoring.clv_table import fit_table
from analytics.scoring.clv_value import Buying, ValueFit, fit_gamma_gamma

DAYS = 90
WEEKS = DAYS / 7

ORIGINS = 6
"""Earlier days at which money is predicted."""

NEWEST = 2
"""So many of the newest known misses set the level."""

TRUST = 0.5
"""Part of a miss that is believed to come again: a season's level is not the next one's."""

_FITTED = 3_000
_LIMIT = 4.0
"""A level further off than this factor says that the model fails, not that the level is so."""


@dataclass(frozen=True, slots=True)
class Level:
    """By what expected orders and expected money are multiplied; 1: not known, or exact."""

    orders: float = 1.0
    money: float = 1.0


@dataclass(frozen=True, slots=True)
class MoneyTrial:
    """Money of all customers predicted at ``origin``. ``missed``: the level it should have had.

    ``calibrated``: whether an earlier trial was there to set ``level``.
    """

    origin: int
    level: Level
    calibrated: bool
    evaluation: ValueEvaluation
    error_before: float | None
    missed: Level


@dataclass(frozen=True, slots=True)
class MoneyTest:
    """Newest trial first. ``model``: code of the model that counts orders."""

    model: str
    trials: tuple[MoneyTrial, ...]
    level: Level

    @property
    def remaining_error(self) -> float | None:
        """Mean absolute error of the total, at days whose level was set by earlier ones."""
        found = [
            abs(trial.evaluation.total_error)
            for trial in self.trials
            if trial.calibrated and trial.evaluation.total_error is not None
        ]
        return float(np.mean(found)) if found else None


def buying_model(archive: Archive, day: int) -> tuple[str, Buying] | None:
    """Return MBG/NBD, or where it is degenerate the table of the last window; None: neither."""
    fit = archive.fit("mbg", day)
    if not fit.degenerate:
        return "mbg", fit
    windows = archive.past(day, DAYS).windows
    if not windows:
        return None
    return "table", fit_table(windows[0].before.h, windows[0].purchases, weeks=WEEKS)


def value_model(h: Histories) -> ValueFit | None:
    """Return the model of the money in an order; None where no repeat order brought any."""
    try:
        return fit_gamma_gamma(h)
    except ValueError:
        return None


def money_test(archive: Archive, as_of: int, model: str) -> MoneyTest:
    """Predict earlier days with ``model`` (``mbg`` or ``table``) and learn the level from them."""
    trials: list[MoneyTrial] = []
    for number in reversed(range(ORIGINS)):
        origin = as_of - DAYS - STRIDE * number
        if archive.has(origin):
            trial = _trial(archive, origin, model, trials)
            if trial is not None:
                trials.insert(0, trial)
    return MoneyTest(model, tuple(trials), _level(trials, as_of)[0])


def _trial(
    archive: Archive, origin: int, model: str, earlier: Sequence[MoneyTrial]
) -> MoneyTrial | None:
    found = buying_model(archive, origin)
    then = archive.snapshot(origin)
    values = value_model(_few(then.h))
    if found is None or found[0] != model or values is None:
        return None
    orders = found[1].expected(then.h, WEEKS)
    money = orders * values.order_value(then.h)
    after = archive.window(origin, DAYS)
    level, calibrated = _level(earlier, origin)
    plain = evaluate_values(money, after.money)
    return MoneyTrial(
        origin,
        level,
        calibrated,
        evaluate_values(money * level.money, after.money),
        plain.total_error,
        Level(_missed(orders, after.purchases), _missed(money, after.money)),
    )


def _level(trials: Sequence[MoneyTrial], day: int) -> tuple[Level, bool]:
    """Return the level that the trials whose 90 days were over by ``day`` ask for."""
    over = [trial.missed for trial in trials if trial.origin + DAYS <= day][:NEWEST]
    if not over:
        return Level(), False
    orders, money = (
        exp(TRUST * sum(log(getattr(one, part)) for one in over) / len(over))
        for part in ("orders", "money")
    )
    return Level(orders, money), True


def _missed(predicted: FloatArray, actual: FloatArray) -> float:
    expected, happened = float(predicted.sum()), float(actual.sum())
    if expected <= 0 or happened <= 0:
        return 1.0
    return float(np.clip(happened / expected, 1 / _LIMIT, _LIMIT))


def _few(h: Histories) -> Histories:
    step = slice(None, None, max(1, -(-len(h) // _FITTED)))
    return Histories(h.x[step], h.t_x[step], h.T[step], h.m[step])
