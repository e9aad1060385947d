"""All that a run of recommendations knows about the shop at the end of one local day.

Everything is read by ``COPY`` into columns. What happened later is left out where it has a date:
orders, returns, contacts, signals, exports, scores. Fields of customers and products have no
history and are read as they are now; a customer or product that did not exist yet (by its date, or
else by the day it was entered) is left out unless something was sold by then.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import connection, transaction

from analytics.models import RfmRun, Segment
from analytics.selectors.columns import read_columns
from analytics.selectors.segmentation_values import end_of
from recommendations.scoring.arrays import Bools, Ints, Singles, starts_of
from recommendations.scoring.shop import (
    NONE,
    Customers,
    Lines,
    Pairs,
    Products,
    Returns,
    Shop,
)
from recommendations.selectors.shop_products import products_at

INTENT_DAYS = 14
"""Signals of intent count for so many days."""

FAVOURITE = "favourite_family"
"""Key of a customer's profile under which a declared preference is found."""

_CUSTOMERS = """
    select id, (coalesce(registered_at, created_at) < %s)::int4
    from customers_customer
    where status = 'active' and not is_test
"""

_LINES = """
    select
        o.customer_id,
        (date_part('epoch', o.ordered_at) * 1000000)::int8,
        o.id,
        o.ordered_at::date - date '0001-01-01' + 1,
        i.product_id,
        i.quantity::float4,
        i.net_amount::float4,
        i.id
    from orders_order as o
    inner join orders_orderitem as i on i.order_id = o.id
    inner join orders_product as p on p.id = i.product_id
    where
        o.customer_id is not null
        and o.kind = 'sale'
        and o.status in ('paid', 'fulfilled')
        and o.ordered_at < %s
        and p.kind = 'product'
"""

_RETURNS = """
    select
        o.customer_id,
        i.product_id,
        o.ordered_at::date - date '0001-01-01' + 1,
        sum(i.quantity)::float4
    from orders_order as o
    inner join orders_orderitem as i on i.order_id = o.id
    where
        o.customer_id is not null
        and o.kind = 'return'
        and o.status in ('paid', 'fulfilled')
        and o.ordered_at < %s
    group by o.id, o.customer_id, i.product_id, o.ordered_at
"""

# Each customer's own last two: who was left out of an export keeps the one before.
_EXPORTED = """
    select customer_id, product_id, min(created_at)::date - date '0001-01-01' + 1, 1::float4
    from (
        select
            i.customer_id,
            i.product_id,
            e.created_at,
            dense_rank() over (partition by i.customer_id order by e.run_id desc) as place
        from recommendations_recoexportitem as i
        inner join recommendations_recoexport as e on e.id = i.export_id
        where e.created_at < %s
    ) as offered
    where place <= 2
    group by customer_id, product_id
"""

_INTENTS = """
    select
        s.customer_id,
        s.product_id,
        max(s.occurred_at)::date - date '0001-01-01' + 1,
        max(s.score)::float4
    from analytics_signal as s
    inner join analytics_signaltype as t on t.event_type = s.event_type
    where
        s.customer_id is not null
        and s.product_id is not null
        and t.signal_class in ('intent', 'high_intent')
        and s.occurred_at >= %s
        and s.occurred_at < %s
    group by s.customer_id, s.product_id
"""

_CONTACTS = """
    select customer_id, max(occurred_at)::date - date '0001-01-01' + 1
    from customers_contactevent
    where
        direction = 'outbound'
        and purpose = 'marketing'
        and status in ('sent', 'delivered', 'opened', 'clicked')
        and occurred_at < %s
    group by customer_id
"""

_SEGMENTS = "select customer_id, segment_id::int2 from analytics_rfmscore where run_id = %s"


@transaction.atomic
def load_shop(*, as_of: date, silence_window_days: int | None = None) -> Shop:
    """Read the shop as it was at the end of a local day.

    Args:
        silence_window_days: of the contact policy; only quoted in the reasons.

    Test, merged and deleted customers are left out, and so are anonymous sales.
    """
    until = end_of(as_of)
    with _reading():
        raw = read_columns(_LINES, [until], _LINE_TYPES)
        products = products_at(until=until, sold=np.unique(raw[4]))
        customers = _customers(as_of, until, bought=np.unique(raw[0]), products=products)
        return Shop(
            as_of=as_of.toordinal(),
            customers=customers,
            products=products,
            lines=_lines(raw, customers.id, products.id),
            returns=Returns(*_pairs(_RETURNS, [until], customers, products)),
            exported=Pairs(*_pairs(_EXPORTED, [until], customers, products)),
            intents=Pairs(*_pairs(_INTENTS, [_since(as_of), until], customers, products)),
            silence_window_days=silence_window_days,
        )


_LINE_TYPES: tuple[Any, ...] = (
    "int8", "int8", "int8", "int4", "int8", "float4", "float4", "int8",
)  # fmt: skip


@contextmanager
def _reading() -> Iterator[None]:
    """Let days be those of the shop, and sums take memory instead of disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('timezone', %s, true), current_setting('timezone')",
            [settings.TIME_ZONE],
        )
        before = cursor.fetchone()[1]
        cursor.execute("set local work_mem = '256MB'")
        yield
        cursor.execute("set local work_mem to default")
        cursor.execute("select set_config('timezone', %s, true)", [before])


def _since(as_of: date) -> datetime:
    return end_of(as_of - timedelta(days=INTENT_DAYS))


def rows_of(keys: Ints, known: Ints) -> tuple[Ints, Bools]:
    """Return the place of each key among ``known`` (ascending), and whether it is there.

    >>> rows, there = rows_of(np.array([7, 5, 9]), np.array([5, 7]))
    >>> rows[there].tolist(), there.tolist()
    ([1, 0], [True, True, False])
    """
    places = np.searchsorted(known, keys)
    there = places < len(known)
    if len(known):
        there &= known[np.minimum(places, len(known) - 1)] == keys
    return places.astype(np.int64), there


def _customers(as_of: date, until: datetime, *, bought: Ints, products: Products) -> Customers:
    ids, known = read_columns(_CUSTOMERS, [until], ["int8", "int4"])
    order = np.argsort(ids)
    ids, known = ids[order], known[order].astype(bool)
    known |= rows_of(ids, bought)[1]
    ids = ids[known]
    segments, names = _segments(as_of, ids)
    return Customers(
        id=ids,
        segment=segments,
        declared_family=_declared(ids, products.families),
        # No run of predictions stores the probability of being alive by customer.
        p_alive=np.full(len(ids), np.nan, np.float32),
        days_since_contact=_days_since_contact(as_of, until, ids),
        segments=names,
    )


def _segments(as_of: date, ids: Ints) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
    """Return the segment of each customer in the newest scoring that is not of a later day."""
    segments = list(Segment.objects.order_by("pk").values_list("pk", "name"))
    codes = np.full(len(ids), NONE, np.int16)
    runs = RfmRun.objects.kept().filter(as_of__lte=as_of)
    run = runs.order_by("-as_of", "-is_current", "-pk").first()
    if run is not None:
        who, which = read_columns(_SEGMENTS, [run.pk], ["int8", "int2"])
        rows, there = rows_of(who, ids)
        places = np.searchsorted(np.array([pk for pk, _ in segments]), which[there])
        codes[rows[there]] = places.astype(np.int16)
    return codes, tuple(name for _, name in segments)


def _declared(ids: Ints, families: tuple[str, ...]) -> npt.NDArray[np.int32]:
    """Return the family that a customer named as a favourite, as a code."""
    codes = np.full(len(ids), NONE, np.int32)
    place = {family.casefold(): code for code, family in enumerate(families)}
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, profile ->> %s from customers_customer where profile ->> %s is not null",
            [FAVOURITE, FAVOURITE],
        )
        named = [(who, place.get(text.strip().casefold(), NONE)) for who, text in cursor]
    if named:
        rows, there = rows_of(np.array([who for who, _ in named]), ids)
        codes[rows[there]] = np.array([code for _, code in named], np.int32)[there]
    return codes


def _days_since_contact(as_of: date, until: datetime, ids: Ints) -> Singles:
    days = np.full(len(ids), np.nan, np.float32)
    who, when = read_columns(_CONTACTS, [until], ["int8", "int4"])
    rows, there = rows_of(who, ids)
    days[rows[there]] = as_of.toordinal() - when[there]
    return days


def _lines(raw: tuple[npt.NDArray[Any], ...], customers: Ints, products: Ints) -> Lines:
    """Return one row per order and product, in the order in which things were bought."""
    who, known_who = rows_of(raw[0], customers)
    what, known_what = rows_of(raw[4], products)
    known = known_who & known_what
    who, what = who[known].astype(np.int32), what[known].astype(np.int32)
    moment, basket, day, quantity, money, line = (raw[place][known] for place in (1, 2, 3, 5, 6, 7))
    # The line last: sums of floats depend on the order, and a table's rows come in any.
    order = np.lexsort((line, what, basket, moment, who))
    who, basket, what = who[order], basket[order], what[order]
    starts = starts_of(who, basket, what)
    return Lines(
        customer=who[starts].astype(np.int32),
        basket=basket[starts],
        day=day[order][starts],
        product=what[starts].astype(np.int32),
        quantity=_added(quantity[order], starts),
        money=_added(money[order], starts),
        line=line[order][starts],
    )


def _added(values: npt.NDArray[Any], starts: Ints) -> Singles:
    if not len(starts):
        return np.zeros(0, np.float32)
    return np.add.reduceat(values.astype(np.float64), starts).astype(np.float32)


def _pairs(
    sql: str, params: list[Any], customers: Customers, products: Products
) -> tuple[npt.NDArray[Any], ...]:
    """Return rows of customers and products, days and values, in one fixed order."""
    who, what, day, value = read_columns(sql, params, ["int8", "int8", "int4", "float4"])
    rows, known = rows_of(who, customers.id)
    goods, sold = rows_of(what, products.id)
    kept = known & sold
    columns = (rows[kept].astype(np.int32), goods[kept].astype(np.int32), day[kept], value[kept])
    order = np.lexsort(columns[::-1])
    return tuple(column[order] for column in columns)


def data_version(shop: Shop) -> dict[str, Any]:
    """Return what tells one state of the data from another: counts, and a hash of every column."""
    lines = shop.lines
    digest = hashlib.sha256()
    for part in (shop.customers, shop.products, lines, shop.returns, shop.exported, shop.intents):
        _digest(digest, part)
    return {
        "customers": len(shop.customers),
        "products": len(shop.products),
        "lines": len(lines),
        "returns": len(shop.returns.day),
        "money": f"{lines.money.sum(dtype=np.float64):.2f}",
        "first_day": date.fromordinal(int(lines.day.min())).isoformat() if len(lines) else None,
        "last_day": date.fromordinal(int(lines.day.max())).isoformat() if len(lines) else None,
        "sha256": digest.hexdigest(),
    }


def _digest(digest: Any, part: Any) -> None:
    if not is_dataclass(part):
        raise TypeError(part)
    for column in fields(part):
        value = getattr(part, column.name)
        digest.update(column.name.encode())
        if isinstance(value, np.ndarray):
            # Names of products differ in length, and so does the type of their column.
            data = np.char.encode(value, "utf-8") if value.dtype.kind == "U" else value
            digest.update(np.ascontiguousarray(data).data if len(data) else b"")
        else:
            digest.update(repr(value).encode())
