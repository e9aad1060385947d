"""What customers like, as far as their orders tell: families, attributes, prices, aromas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import AnyArray, Floats, Ints, ranges
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.shop import NONE

MIN_TASTE_ORDERS = 2
FULL_CONFIDENCE_ORDERS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Tastes:
    """Per customer of a block.

    ``family``, ``attr1``, ``attr2``: share of the decayed spend in each value (rows sum to 1, or
    to 0 where nothing is known). ``dominant``: family code of the largest plain spend, -1 none;
    ``dominant_share`` and ``diversity`` (entropy of family spend over its largest possible) belong
    to it, NaN without families. ``stability``: 1 - Jensen-Shannon distance between the older and
    the newer half of the orders, NaN below four. ``family_orders``: orders with the dominant
    family. ``profile``: mean aroma per axis, NaN unknown; ``confidence`` 0…1 of it, NaN none.
    """

    family: Floats
    attr1: Floats
    attr2: Floats
    dominant: Ints
    dominant_share: Floats
    diversity: Floats
    stability: Floats
    family_orders: Ints
    profile: Floats
    confidence: Floats


def tastes_of(known: Knowledge, block: Block) -> Tastes:
    """Return what the orders of the block's customers tell about their tastes."""
    products, history = known.shop.products, known.history
    spend = history.spend[block.pair].astype(np.float64)
    recent = history.recent_spend[block.pair].astype(np.float64)
    family = products.family[block.product]
    plain = spread(block.who, family, spend, len(block), len(products.families))
    dominant, share = _largest(plain)
    lines, who = _lines(known, block)
    halves = _halves(known, block, lines, who)
    profile, confidence = _aromas(known, block, lines, who)
    return Tastes(
        family=_shares(spread(block.who, family, recent, len(block), len(products.families))),
        attr1=_attribute(block, products.attr1, recent, len(products.attr1_names)),
        attr2=_attribute(block, products.attr2, recent, len(products.attr2_names)),
        dominant=dominant,
        dominant_share=share,
        diversity=_diversity(plain),
        stability=halves,
        family_orders=_orders_with(known, dominant, lines, who),
        profile=profile,
        confidence=confidence,
    )


def spread(who: Ints, code: npt.NDArray[np.int32], worth: Floats, size: int, codes: int) -> Floats:
    """Return worth by customer and code; rows without a code count for nothing.

    >>> spread(np.array([0, 0, 1]), np.array([1, -1, 0]), np.array([2.0, 5, 3]), 2, 2).tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    known = code >= 0
    flat = who[known] * codes + code[known]
    flat_worth = np.bincount(flat, weights=worth[known], minlength=size * codes)
    return flat_worth.astype(np.float64).reshape(size, codes)


def _attribute(block: Block, code: npt.NDArray[np.int32], worth: Floats, codes: int) -> Floats:
    return _shares(spread(block.who, code[block.product], worth, len(block), codes))


def _shares(worth: Floats) -> Floats:
    total = worth.sum(axis=1, keepdims=True)
    return divided(worth, total, 0.0)


def divided(above: AnyArray, below: AnyArray, otherwise: float) -> Floats:
    """Return the quotients; ``otherwise`` where ``below`` is not above 0.

    >>> divided(np.array([1.0, 1.0]), np.array([2.0, 0.0]), np.nan).tolist()
    [0.5, nan]
    """
    shape = np.broadcast_shapes(above.shape, below.shape)
    result = np.full(shape, otherwise)
    np.divide(above, below, out=result, where=np.broadcast_to(below > 0, shape))
    return result


def _largest(worth: Floats) -> tuple[Ints, Floats]:
    if not worth.shape[1]:
        return np.full(len(worth), NONE), np.full(len(worth), np.nan)
    total = worth.sum(axis=1)
    code = worth.argmax(axis=1)
    some = total > 0
    share = divided(worth.max(axis=1), total, np.nan)
    return np.where(some, code, NONE).astype(np.int64), share


def entropy(shares: Floats) -> Floats:
    """Return the entropy of each row in bits.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-(shares * logs).sum(axis=1) + 0.0, np.float64)


def _diversity(worth: Floats) -> Floats:
    """Return the entropy over that of an equal spend in all families of the shop."""
    families = max(2, worth.shape[1])
    diversity = entropy(_shares(worth)) / np.log2(families)
    return np.where(worth.sum(axis=1) > 0, diversity, np.nan)


def _lines(known: Knowledge, block: Block) -> tuple[Ints, Ints]:
    """Return places of the block's lines in ``history.lines``, and whose they are."""
    ends = np.concatenate(([0], known.history.line_ends)).astype(np.int64)
    offsets = known.history.offsets
    return ranges(ends[offsets[block.rows]], ends[offsets[block.rows + 1]])


def _worth(known: Knowledge, lines: Ints) -> Floats:
    every = known.history.lines
    column = every.money if known.history.has_money else every.quantity
    return column[lines].astype(np.float64)


def _halves(known: Knowledge, block: Block, lines: Ints, who: Ints) -> Floats:
    """Return 1 - JS distance between older and newer orders; the middle order is a newer one."""
    products, history = known.shop.products, known.history
    family = products.family[history.lines.product[lines]]
    orders = history.orders[block.rows]
    older = history.ordinal[lines] < (orders // 2)[who]
    worth = _worth(known, lines)
    size, codes = len(block), len(products.families)
    old = _shares(spread(who[older], family[older], worth[older], size, codes))
    new = _shares(spread(who[~older], family[~older], worth[~older], size, codes))
    gap = entropy((old + new) / 2) - (entropy(old) + entropy(new)) / 2
    stability = 1.0 - np.sqrt(np.clip(gap, 0.0, 1.0))
    usable = (orders >= 4) & (old.sum(axis=1) > 0) & (new.sum(axis=1) > 0)
    return np.where(usable, stability, np.nan)


def _orders_with(known: Knowledge, dominant: Ints, lines: Ints, who: Ints) -> Ints:
    """Return in how many orders each customer bought of the dominant family."""
    history = known.history
    family = known.shop.products.family[history.lines.product[lines]]
    hit = (family == dominant[who]) & (family >= 0)
    most = int(history.ordinal.max(initial=0)) + 1
    orders = np.unique(who[hit] * most + history.ordinal[lines[hit]])
    return np.bincount(orders // most, minlength=len(dominant)).astype(np.int64)


def _aromas(known: Knowledge, block: Block, lines: Ints, who: Ints) -> tuple[Floats, Floats]:
    """Return the spend-weighted mean of each axis over orders, and how sure it is.

    Confidence = min(1, orders / 6) x (1 - mean over axes of the standard deviation across orders
    / 2), none below two orders. Older orders count less.
    """
    axes = known.shop.products.axes
    size = len(block)
    if np.isnan(axes).all():
        return np.full((size, axes.shape[1]), np.nan), np.full(size, np.nan)
    history, worth = known.history, _worth(known, lines)
    most = int(history.ordinal.max(initial=0)) + 1
    order, place = np.unique(who * most + history.ordinal[lines], return_inverse=True)
    owner = order // most
    since = history.orders[block.rows][owner] - 1 - order % most
    fade = known.settings.model.taste_decay ** since.astype(np.float64)
    values = axes[history.lines.product[lines]].astype(np.float64)
    profile, deviations = np.full((size, axes.shape[1]), np.nan), []
    for axis in range(axes.shape[1]):
        mean, weight = _means(place, values[:, axis], worth, len(order))
        profile[:, axis] = _means(owner, mean, weight * fade, size)[0]
        deviations.append(_deviation(owner, mean, size))
    spread_out = _mean_of_known(np.column_stack(deviations))
    orders = np.bincount(owner, minlength=size)
    confidence = np.minimum(1.0, orders / FULL_CONFIDENCE_ORDERS) * (1.0 - spread_out / 2)
    return profile, np.where(orders >= MIN_TASTE_ORDERS, np.clip(confidence, 0, 1), np.nan)


def _means(group: Ints, values: Floats, weights: Floats, size: int) -> tuple[Floats, Floats]:
    known = ~np.isnan(values)
    weight = np.bincount(group[known], weights=weights[known], minlength=size)
    total = np.bincount(group[known], weights=(values * weights)[known], minlength=size)
    return divided(total, weight, np.nan), weight.astype(np.float64)


def _deviation(group: Ints, values: Floats, size: int) -> Floats:
    """Return the standard deviation of each group's known values; NaN without any."""
    ones = np.ones(len(values))
    mean, _ = _means(group, values, ones, size)
    square, _ = _means(group, (values - mean[group]) ** 2, ones, size)
    return np.sqrt(square)


def _mean_of_known(values: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return divided(total, count, np.nan)
