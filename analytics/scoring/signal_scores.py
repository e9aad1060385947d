"""What a customer's signals say together: recent ones count most, none is ever enough alone.

The account score is 1 - Π(1 - s·2^(-age/30 days)): the chance that at least one of the signals
stands for real interest, if each did with its score, halved every 30 days.
``analytics/sql/signal_scores_v1.sql`` has the same rule for all customers at once.
"""

from collections.abc import Iterable
from math import exp, log

HALF_LIFE_DAYS = 30.0
HORIZON_DAYS = 900
"""Thirty half-lives: older signals add nothing that four decimals could show."""

INTENT_DAYS = 14
INTENT_CLASSES = ("intent", "high_intent")
STRONG_INTENT = 0.8
"""From this intent on, the customer page says so."""

_LEAST = 1e-9


def decayed(score: float, age_days: float) -> float:
    """Return what is left of a signal's score.

    >>> decayed(0.8, 0), decayed(0.8, 30), decayed(0.8, 60)
    (0.8, 0.4, 0.2)
    """
    return float(score * 2.0 ** (-age_days / HALF_LIFE_DAYS))


def account_score(signals: Iterable[tuple[float, float]]) -> float:
    """Return the score of signals given as (score, age in days); 0 without any, at most 1.

    >>> account_score([(0.5, 0), (0.5, 0)])
    0.75
    >>> account_score([(0.5, 30), (1.0, 3000)])
    0.25
    >>> account_score([])
    0.0
    """
    left = sum(log(max(1.0 - decayed(score, age), _LEAST)) for score, age in signals)
    return round(1.0 - exp(left), 4)
