"""A made shop in PostgreSQL, for measuring runs of recommendations from rows to rows."""

from datetime import date
from typing import Any

import numpy as np
from django.db import connection

from benchmarks.reco_data import AS_OF, made_shop

DAY = date.fromordinal(AS_OF)


def fill(*, customers: int, products: int) -> int:
    """Write the shop of ``made_shop`` into an empty database; returns its order lines.

    Triggers and checks of keys are left out: what they would make, runs do not read.
    """
    shop = made_shop(customers=customers, products=products)
    lines = shop.lines
    _first, place, order = np.unique(lines.basket, return_index=True, return_inverse=True)
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(
            "insert into customers_customer (id, code, name, email, phone, language, country,"
            " registered_at, updated_at)"
            " select i, 'C' || i, 'Customer ' || i, 'c' || i || '@example.org', '', 'en', 'GB',"
            " '2005-01-01', now() from generate_series(1, %s) as i",
            [customers],
        )
    goods = shop.products
    _copy(
        "orders_product (id, key, label, category, family, grape, sugar_level, price, premium_tier,"
        " created_at, updated_at)",
        zip(
            range(1, products + 1), goods.key.tolist(), goods.key.tolist(),
            [""] * products,
            [goods.families[code] for code in goods.family.tolist()],
            [goods.attr1_names[code] for code in goods.attr1.tolist()],
            [goods.attr2_names[code] for code in goods.attr2.tolist()],
            goods.price.tolist(), goods.tier.tolist(),
            ["2005-01-01"] * products, ["2005-01-01"] * products, strict=True,
        ),
    )  # fmt: skip
    days = [f"{date.fromordinal(day)} 12:00+00" for day in lines.day[place].tolist()]
    numbers = range(1, len(place) + 1)
    _copy(
        "orders_order (id, source, number, customer_id, ordered_at, kind, status, currency,"
        " net_amount, gross_amount, channel, updated_at)",
        (
            (number, "bench", number, who + 1, day, "sale", "paid", "GBP", 1, 1, "web", day)
            for number, who, day in zip(numbers, lines.customer[place].tolist(), days, strict=True)
        ),
    )
    price = np.round(lines.money / lines.quantity, 2)
    ordinal = np.arange(len(lines)) - place[order] + 1
    columns = (order + 1, ordinal, lines.product + 1, lines.quantity, price)
    _copy(
        "orders_orderitem (order_id, ordinal, product_id, quantity, unit_price)",
        zip(*(column.tolist() for column in columns), strict=True),
    )
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = origin")
        cursor.execute("vacuum (analyze)")
    return len(lines)


def _copy(target: str, rows: Any) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy {target} from stdin") as copy:
        for row in rows:
            copy.write_row(row)
