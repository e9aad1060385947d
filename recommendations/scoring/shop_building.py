"""A `Shop` from plain columns: for the back-test on files, benchmarks and tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import AnyArray, starts_of
from recommendations.scoring.shop import NONE, Customers, Lines, Products, Returns, Shop


def coded(values: Sequence[str | None]) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Return codes and the sorted names they stand for; empty or None is -1.

    >>> codes, names = coded(["b", None, "a", ""])
    >>> codes.tolist(), names
    ([1, -1, 0, -1], ('a', 'b'))
    """
    names = tuple(sorted({value for value in values if value}))
    place = {name: code for code, name in enumerate(names)}
    return np.array([place.get(value or "", NONE) for value in values], np.int32), names


def customers_of(ids: npt.ArrayLike) -> Customers:
    """Return customers of whom only the (ascending) ids are known."""
    known = np.asarray(ids, np.int64)
    unknown = np.full(len(known), np.nan, np.float32)
    return Customers(
        known,
        np.full(len(known), NONE, np.int16),
        np.full(len(known), NONE, np.int32),
        unknown,
        unknown,
    )


def products_of(
    keys: Sequence[str],
    *,
    family: Sequence[str | None] = (),
    attr1: Sequence[str | None] = (),
    attr2: Sequence[str | None] = (),
    price: Sequence[float] = (),
    tier: Sequence[int] = (),
    active: Sequence[bool] = (),
) -> Products:
    """Return active goods with ids 1, 2, …; columns that are left out are not known."""
    size = len(keys)
    families, family_names = coded(family or [None] * size)
    first, first_names = coded(attr1 or [None] * size)
    second, second_names = coded(attr2 or [None] * size)
    return Products(
        id=np.arange(1, size + 1, dtype=np.int64),
        key=np.array(keys, np.str_),
        family=families,
        attr1=first,
        attr2=second,
        price=np.array(price or [np.nan] * size, np.float64),
        tier=np.array(tier or [NONE] * size, np.int8),
        axes=np.full((size, 7), np.nan, np.float32),
        goods=np.ones(size, bool),
        active=np.array(active or [True] * size, bool),
        stock=np.full(size, NONE, np.int64),
        season=np.zeros(size, np.uint16),
        families=family_names,
        attr1_names=first_names,
        attr2_names=second_names,
    )


def lines_of(
    customer: npt.ArrayLike,
    basket: npt.ArrayLike,
    day: npt.ArrayLike,
    product: npt.ArrayLike,
    quantity: npt.ArrayLike | None = None,
    money: npt.ArrayLike | None = None,
) -> Lines:
    """Return sale lines from rows in any order; rows of one basket and product are added up.

    Without quantities each row is one piece; without money nothing is known about prices (0).
    """
    columns: list[AnyArray] = [np.asarray(x, np.int64) for x in (customer, day, basket, product)]
    size = len(columns[0])
    pieces = np.ones(size) if quantity is None else np.asarray(quantity, np.float64)
    spent = np.zeros(size) if money is None else np.asarray(money, np.float64)
    order = np.lexsort(columns[::-1])
    who, when, basket_id, what = (column[order] for column in columns)
    starts = starts_of(who, basket_id, when, what)
    added = [np.add.reduceat(x[order], starts) if size else x for x in (pieces, spent)]
    return Lines(
        customer=who[starts].astype(np.int32),
        basket=basket_id[starts],
        day=when[starts].astype(np.int32),
        product=what[starts].astype(np.int32),
        quantity=added[0].astype(np.float32),
        money=added[1].astype(np.float32),
        line=order[starts].astype(np.int64) + 1,
    )


def shop_of(
    as_of: int, products: Products, lines: Lines, *, customers: int, returns: Returns | None = None
) -> Shop:
    """Return a shop with customers 1 … ``customers``, cut at the end of day ``as_of``."""
    shop = Shop(as_of, customers_of(np.arange(1, customers + 1)), products, lines)
    if returns is not None:
        shop = Shop(as_of, shop.customers, products, lines, returns)
    return shop.at(as_of)
