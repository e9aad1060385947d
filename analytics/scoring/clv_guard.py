"""When there is too little to predict from: then no number is stored, but the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from analytics.scoring.clv_bg import Fit
from analytics.scoring.clv_histories import FloatArray, Histories

CUSTOMERS = 500
SMALL = 100
"""From here on predictions are made with a warning; below, none."""

DAYS = 180
LAST_ORDER_DAYS = 30
REPEATS = 2
"""At least one customer must have bought on three days: once and REPEATS times again."""

CHURN_WEEKS = 90 / 7
"""A customer who buys nothing for 90 days counts as lost."""


class Predictor(Protocol):
    """Any model that gives the probability of a purchase."""

    def p_purchase(self, h: Histories, weeks: float) -> FloatArray:
        """Return the probability of at least one purchase in the next ``weeks`` weeks."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether to predict at all, whether only with a warning, and why (sentences for people)."""

    allowed: bool
    small: bool
    words: tuple[str, ...]


def guard_rails(h: Histories) -> Guard:
    """Judge the histories of a whole shop.

    >>> guard_rails(Histories.of(x=[0], t_x=[0], T=[1])).words[0]
    'There are 1 customers with orders; predictions need 100.'
    """
    if not len(h):
        return Guard(False, False, ("There is no customer with an order.",))
    count = round(float(h.weight().sum()))
    days, silent = round(float(h.T.max()) * 7), round(float((h.T - h.t_x).min()) * 7)
    words = []
    if count < SMALL:
        words.append(f"There are {count} customers with orders; predictions need {SMALL}.")
    if days < DAYS:
        words.append(f"The orders reach back {days} days; predictions need {DAYS}.")
    if silent > LAST_ORDER_DAYS:
        words.append(f"The last order is {silent} days old; at most {LAST_ORDER_DAYS} are allowed.")
    if float(h.x.max()) < REPEATS:
        words.append("No customer has bought on three different days.")
    if words:
        return Guard(False, False, tuple(words))
    if count < CUSTOMERS:
        few = f"Only {count} customers have orders: below {CUSTOMERS} the numbers are uncertain."
        return Guard(True, True, (few,))
    return Guard(True, False, ())


def churn(model: Predictor, h: Histories) -> FloatArray:
    """Return the probability that each customer buys nothing in the next 90 days.

    Raises ValueError for a degenerate fit: its answer would be "nobody ever leaves".
    """
    if isinstance(model, Fit) and model.degenerate:
        raise ValueError(model.words)
    lost: FloatArray = 1 - model.p_purchase(h, CHURN_WEEKS)
    return lost
