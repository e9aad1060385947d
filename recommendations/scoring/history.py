"""Who bought what, how often and when: one row per customer and product, made once per run.

A product that a customer sent back in full was not bought: its lines count for nothing, and an
order of which nothing is left is no order. Work memory is about 100 bytes per order line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import (
    AnyArray,
    Floats,
    Ints,
    Singles,
    medians_of,
    positions_within,
    starts_of,
)
from recommendations.scoring.settings import Model
from recommendations.scoring.shop import Lines, Shop


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Pairs of customer and product, sorted by both; then what is known of each customer.

    ``offsets``: where each customer's pairs begin (one more entry than customers). ``count``: days
    with the product. ``own``: sum over them of decay ^ (order days since). ``spend`` and
    ``recent_spend``: money (pieces where the shop has no money), plain and decayed. ``gap``: median
    days between purchases of the product, NaN below two. ``line_ends``: place after the pair's last
    line in ``lines``, which holds the lines by pair and time.

    ``lines`` and ``ordinal`` (the order's number within its customer) are by line. Orders of one
    day are one visit: decay counts ``visits``, rules count ``orders``.

    Per customer: ``orders``, ``visits``, ``last_day`` (-1 none), ``first_day``, ``revenue``,
    ``own_gap`` (median days between order days, NaN below two), ``unit_price`` (median paid per
    piece over lines, NaN), ``tier`` (median tier over lines, NaN). ``has_money``: False where no
    line carries an amount. ``returned``: keys (`pair_keys`) of what came back, sorted.
    """

    offsets: Ints
    customer: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    count: npt.NDArray[np.int32]
    own: Singles
    spend: Singles
    recent_spend: Singles
    pair_last: npt.NDArray[np.int32]
    gap: Singles
    line_ends: Ints
    lines: Lines
    ordinal: npt.NDArray[np.int32]
    orders: Ints
    visits: Ints
    last_day: Ints
    first_day: Ints
    revenue: Floats
    own_gap: Floats
    unit_price: Floats
    tier: Floats
    has_money: bool
    returned: Ints

    def __len__(self) -> int:
        return len(self.product)


def history_of(shop: Shop, model: Model) -> History:
    """Return the history of every customer of ``shop``."""
    lines = _kept(shop)
    size = len(shop.customers)
    ordinal, orders = _ordinals(lines, lines.basket, size)
    visit, visits = _ordinals(lines, lines.day, size)
    since = (visits[lines.customer] - 1 - visit).astype(np.float64)
    has_money = bool(lines.money.sum() > 0)
    worth = (lines.money if has_money else lines.quantity).astype(np.float64)
    by_pair = np.argsort(_keys(shop, lines.customer, lines.product), kind="stable")
    customer, product = lines.customer[by_pair], lines.product[by_pair]
    starts = starts_of(customer, product)
    ends = np.append(starts[1:], len(by_pair))[: len(starts)].astype(np.int64)
    # The second order of a day adds nothing.
    new = np.zeros(len(by_pair))
    new[starts_of(customer, product, lines.day[by_pair])] = 1.0
    return History(
        offsets=np.searchsorted(customer[starts], np.arange(size + 1)),
        customer=customer[starts],
        product=product[starts],
        count=_sums(new, starts).astype(np.int32),
        own=_sums(model.repeat_decay ** since[by_pair] * new, starts),
        spend=_sums(worth[by_pair], starts),
        recent_spend=_sums((worth * model.spend_decay**since)[by_pair], starts),
        pair_last=lines.day[by_pair][ends - 1] if len(ends) else np.zeros(0, np.int32),
        gap=_pair_gaps(lines.day[by_pair], starts),
        line_ends=ends,
        lines=lines.take(by_pair.astype(np.int64)),
        ordinal=ordinal[by_pair],
        orders=orders,
        visits=visits,
        **_per_customer(lines, shop),
        has_money=has_money,
        returned=np.unique(_keys(shop, shop.returns.customer, shop.returns.product)),
    )


def pair_keys(shop: Shop, customer: npt.ArrayLike, product: npt.ArrayLike) -> Ints:
    """Return one whole number per customer row and product row, in the order of `History`."""
    return _keys(shop, np.asarray(customer), np.asarray(product))


def _keys(shop: Shop, customer: AnyArray, product: AnyArray) -> Ints:
    return customer.astype(np.int64) * max(1, len(shop.products)) + product


def _kept(shop: Shop) -> Lines:
    """Return the lines up to as_of whose product was not sent back in full."""
    lines = shop.lines
    if len(lines) and int(lines.day.max()) > shop.as_of:
        lines = lines.take(lines.day <= shop.as_of)
    back = shop.returns.take(shop.returns.day <= shop.as_of)
    if not len(back.day) or not len(lines):
        return lines
    keys, place = np.unique(_keys(shop, back.customer, back.product), return_inverse=True)
    returned = np.bincount(place, weights=back.quantity)
    line_keys = _keys(shop, lines.customer, lines.product)
    at = np.minimum(np.searchsorted(keys, line_keys), len(keys) - 1)
    hit = keys[at] == line_keys
    bought = np.bincount(at[hit], weights=lines.quantity[hit], minlength=len(keys))
    undone = (returned >= bought - 1e-6) & (bought > 0)
    return lines.take(~(hit & undone[at]))


def _ordinals(lines: Lines, group: AnyArray, customers: int) -> tuple[npt.NDArray[np.int32], Ints]:
    """Return the number of each line's group within its customer (from 0), and their counts."""
    starts = starts_of(lines.customer, group)
    owner = lines.customer[starts]
    counts = np.bincount(owner, minlength=customers).astype(np.int64)
    number = positions_within(starts_of(owner), len(owner))
    lengths = np.diff(np.append(starts, len(lines)))
    return np.repeat(number, lengths).astype(np.int32), counts


def _sums(values: Floats, starts: Ints) -> Singles:
    return (np.add.reduceat(values, starts) if len(starts) else values).astype(np.float32)


def _pair_gaps(days: npt.NDArray[np.int32], starts: Ints) -> Singles:
    """Return the median days between purchases of each pair; the same day counts once."""
    pair = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(days))))
    step = np.diff(days)
    within = (pair[1:] == pair[:-1]) & (step > 0)
    medians = medians_of(pair[1:][within], step[within].astype(np.float64), len(starts))
    return medians.astype(np.float32)


def _per_customer(lines: Lines, shop: Shop) -> dict[str, Any]:
    customers = len(shop.customers)
    starts = starts_of(lines.customer)
    owner = lines.customer[starts]
    ends = np.append(starts[1:], len(lines)).astype(np.int64)
    last, first = np.full(customers, -1, np.int64), np.full(customers, -1, np.int64)
    if len(owner):
        last[owner], first[owner] = lines.day[ends - 1], lines.day[starts]
    step = np.diff(lines.day)
    between = (np.diff(lines.customer) == 0) & (step > 0)
    priced = (lines.money > 0) & (lines.quantity > 0)
    unit = lines.money[priced].astype(np.float64) / lines.quantity[priced]
    tier = shop.products.tier[lines.product].astype(np.float64)
    return {
        "last_day": last,
        "first_day": first,
        "revenue": np.bincount(lines.customer, weights=lines.money, minlength=customers),
        "own_gap": medians_of(
            lines.customer[1:][between], step[between].astype(np.float64), customers
        ),
        "unit_price": medians_of(lines.customer[priced], unit, customers),
        "tier": medians_of(lines.customer[tier >= 0], tier[tier >= 0], customers),
    }
