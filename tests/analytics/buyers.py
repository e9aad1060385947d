"""Made-up customers that behave as BG/NBD, MBG/NBD and Gamma-Gamma say, from a seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.scoring.clv import Histories, histories_from_orders
from analytics.scoring.clv_histories import FloatArray, IntArray

AS_OF = 1000
"""The day number up to which the histories are told."""


def buyers(
    count: int, *, seed: int, until: int = AS_OF, leaves_at_once: bool = True
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return customer, day and money of the orders of ``count`` customers up to day ``until``."""
    random = np.random.default_rng(seed)
    rows = [
        (customer, day, money)
        for customer in range(count)
        for day, money in _orders(random, until, leaves_at_once)
    ]
    who, day, money = zip(*rows, strict=True)
    return np.array(who), np.array(day), np.array(money)


def told(count: int, *, seed: int, leaves_at_once: bool = True) -> Histories:
    """Return the histories of such customers at day AS_OF."""
    orders = buyers(count, seed=seed, leaves_at_once=leaves_at_once)
    return histories_from_orders(*orders, as_of=AS_OF)[1]


def _orders(
    random: np.random.Generator, until: int, leaves_at_once: bool
) -> Iterator[tuple[int, float]]:
    """Yield the orders of one customer: rate Gamma(.9, 8 weeks), leaving Beta(.8, 2.5)."""
    rate = random.gamma(0.9, 1 / 8) / 7
    leaving, size = random.beta(0.8, 2.5), random.gamma(4, 1 / 30)
    at = float(random.integers(300, 800))
    yield int(at), random.gamma(6, 1 / size)
    if leaves_at_once and random.random() < leaving:
        return
    while (at := at + random.exponential(1 / max(rate, 1e-9))) <= until:
        yield int(at), random.gamma(6, 1 / size)
        if random.random() < leaving:
            return
