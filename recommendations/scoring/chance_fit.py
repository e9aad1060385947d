"""Fit the coefficients of the chance of a purchase to a shop's own later baskets.

A ridge regression (logistic) pulled towards the settings' coefficients: a shop with few baskets
keeps those, a large one gets its own. Labels are whether a candidate was in the next basket.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.scoring.arrays import Bools, Floats, Ints, Singles, is_member
from recommendations.scoring.backtest_measures import best_places
from recommendations.scoring.backtest_origins import Origin
from recommendations.scoring.baselines import purchases
from recommendations.scoring.chance import LIKE_SCALE
from recommendations.scoring.settings import FEATURES

PULL = 30.0
"""Weight of the given coefficients, as so many customers' worth of evidence per unit of spread."""

NEW_PRODUCTS = 60
"""So many never bought products per customer are looked at: the most likely ones."""

MOST_CUSTOMERS = 3000
"""Of one origin; more make the fit slower and not better."""

LEAST_POSITIVES = 50
"""Below so many later purchases among the candidates nothing is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Features and labels of candidates of one origin. ``place``: of the customer."""

    place: Ints
    features: Singles
    label: Bools


def examples_of(origin: Origin, *, exclusion: bool = True, chunk: int) -> Examples:
    """Return candidates of (some) customers of an origin with what became of them."""
    rows = len(origin)
    step = max(1, -(-rows // MOST_CUSTOMERS))
    parts = [
        _examples(origin, start, min(start + chunk, rows), step, exclusion=exclusion)
        for start in range(0, rows, chunk)
    ]
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Examples(nothing, np.zeros((0, len(FEATURES)), np.float32), nothing.astype(bool))
    return Examples(
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.label for part in parts]),
    )


def _examples(origin: Origin, start: int, stop: int, step: int, *, exclusion: bool) -> Examples:
    known = origin.known
    allowed = origin.allowed(start, stop, exclusion=exclusion)
    allowed[(np.arange(start, stop) % step) != 0] = False
    bought = origin.table(origin.bought, start, stop)
    said = _said(origin, start, stop)
    column = _columns_of_products(origin)
    coef = known.settings.chance
    likely = (
        coef["pop"] * column["pop"] + coef["recent"] * column["recent"] + coef["like"] * _like(said)
    ).astype(np.float32)
    new = best_places(likely, allowed & ~bought, NEW_PRODUCTS)
    who_new, at = np.nonzero(new >= 0)
    who_old, old = np.nonzero(bought & allowed)
    who = np.concatenate((who_old, who_new))
    product = np.concatenate((old, new[who_new, at])).astype(np.int64)
    place = who + start
    keys = place * origin.products + product
    return Examples(
        place=place.astype(np.int64),
        features=features_of(origin, place, product, said[who, product]).astype(np.float32),
        label=is_member(origin.basket.keys, keys),
    )


def _said(origin: Origin, start: int, stop: int) -> Floats:
    similarity = origin.known.similarity
    binary = purchases(origin, np.ones(len(origin.known.history), np.float32))
    known = binary[origin.rows[start:stop]][:, similarity.products]
    said = np.zeros((stop - start, origin.products))
    said[:, similarity.products] = known @ similarity.matrix
    return said


def _like(said: Floats) -> Floats:
    return np.asarray(np.log1p(LIKE_SCALE * np.maximum(said, 0.0)))


def _columns_of_products(origin: Origin) -> dict[str, Floats]:
    catalogue = origin.known.catalogue
    return {"pop": np.log1p(catalogue.buyers), "recent": np.log1p(catalogue.latest_buyers)}


def features_of(origin: Origin, place: Ints, product: Ints, said: Floats) -> Floats:
    """Return the features of pairs of customers (places) and products, in the order of `FEATURES`.

    They must be those of `chance`; a test compares the two.
    """
    known, history = origin.known, origin.known.history
    rows = origin.rows[place]
    size = max(1, origin.products)
    keys = history.customer.astype(np.int64) * size + history.product
    at = np.minimum(np.searchsorted(keys, rows * size + product), max(0, len(keys) - 1))
    there = keys[at] == rows * size + product if len(keys) else np.zeros(len(rows), bool)
    b = there.astype(np.float64)
    visits = np.maximum(history.visits[rows], 1).astype(np.float64)
    products = np.bincount(history.customer, history.count, minlength=len(history.orders))
    shelf = _columns_of_products(origin)
    days = np.maximum(known.shop.as_of - history.pair_last[at], 0)
    columns = {
        "one": np.ones(len(rows)),
        "bought": b,
        "repeat": b * np.log1p(history.own[at]),
        "times": b * np.log1p(history.count[at]),
        "age": b * np.log1p(days),
        "pop": shelf["pop"][product],
        "pop_bought": b * shelf["pop"][product],
        "recent": shelf["recent"][product],
        "like": _like(said),
        "orders_bought": b * np.log(visits),
        "size_bought": b * np.log(np.maximum(products[rows], 1.0) / visits),
        "recent_bought": b * shelf["recent"][product],
        "like_bought": b * _like(said),
    }
    return np.stack([columns[name] for name in FEATURES], axis=1)


REPEATS, NEWS = "repeats", "new"
"""Kinds of items that can fall back to the simplest rule."""

TIES = 0.98
"""Where own frequency orders repeats, what is popular now is kept by so much less: for ties."""

AHEAD = 6.0
"""Log odds that then put repeats ahead of products never bought."""

_ONLY_NEW = ("pop", "like")


def names_of(plainly: Collection[str]) -> list[str]:
    """Return the features that a fit may use.

    Where `NEWS` are ordered by what is popular now, "pop" and "like" count for repeats only.
    """
    if NEWS in plainly:
        return [name for name in FEATURES if name not in (*_ONLY_NEW, "recent_bought")]
    return [name for name in FEATURES if name not in ("recent_bought", "like_bought")]


def plainly_ordered(coef: Mapping[str, float], plainly: Collection[str]) -> dict[str, float]:
    """Return coefficients under which the kinds in ``plainly`` are ordered by the simplest rule.

    `NEWS`: products never bought by what is popular now, repeats as before. `REPEATS`: repeats by
    own decayed frequency and ahead of all else, what is new as before.
    """
    found = {name: float(coef[name]) for name in FEATURES}
    if NEWS in plainly:
        for name in _ONLY_NEW:
            found[f"{name}_bought"] += found[name]
            found[name] = 0.0
    if REPEATS in plainly:
        found |= dict.fromkeys(("times", "age", "orders_bought", "size_bought"), 0.0)
        found |= {"bought": AHEAD, "repeat": 1.0, "recent_bought": -TIES * found["recent"]}
        found |= {f"{name}_bought": -found[name] for name in _ONLY_NEW}
    return {name: round(value, 6) + 0.0 for name, value in found.items()}


def fitted(
    parts: Sequence[tuple[Examples, Bools]],
    given: Mapping[str, float],
    *,
    plainly: Collection[str] = (),
    pull: float = PULL,
) -> dict[str, float] | None:
    """Return coefficients for examples and which of each to use; None where too few were bought.

    ``given``: the coefficients towards which the fit is pulled. ``plainly``: kinds of items that
    the simplest rule orders.
    """
    features = np.concatenate(
        [part.features[use] for part, use in parts] or [np.zeros((0, len(FEATURES)), np.float32)]
    )
    label = np.concatenate([part.label[use] for part, use in parts] or [np.zeros(0, bool)])
    if label.sum() < LEAST_POSITIVES or label.all():
        return None
    names = names_of(plainly)
    target = np.array([given[name] for name in names])
    used = features[:, [FEATURES.index(name) for name in names]].astype(np.float64)
    del features
    found = _newton(used, label.astype(np.float64), target, pull)
    values = dict(zip(names, np.round(found, 4).tolist(), strict=True))
    return {name: values.get(name, 0.0) for name in FEATURES}


def _newton(features: Floats, label: Floats, target: Floats, pull: float) -> Floats:
    """Minimise the log loss plus half of pull x (spread x (coefficient - target))^2."""
    spread = features.std(axis=0)
    spread[0] = 0.1
    ridge = pull * np.maximum(spread, 1e-3) ** 2
    coef = target.copy()
    for _ in range(30):
        chance = 1.0 / (1.0 + np.exp(-np.clip(features @ coef, -35, 35)))
        slope = features.T @ (chance - label) + ridge * (coef - target)
        weight = chance * (1.0 - chance)
        curve = (features * weight[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        # A long step out of a flat region would overshoot.
        coef = coef - step * min(1.0, 5.0 / max(1e-12, float(np.abs(step * spread).max())))
        if float(np.abs(step * spread).max()) < 1e-6:
            break
    return coef
