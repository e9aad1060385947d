"""The catalogue as a run of recommendations reads it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from django.db import connection

from orders.models import Product
from recommendations.scoring.arrays import Ints
from recommendations.scoring.shop import AXES, NONE, Products, season_mask
from recommendations.scoring.shop_building import coded

# The axes stand in the order of the engine's ``AXES``.
# A price that our own rule took from later sales would be knowledge of the future; the engine
# takes the median of what was paid by then.
_PRODUCTS = """
    select
        id, key, family, grape, sugar_level,
        case when 'price' = any(derived_fields) then null else price end,
        premium_tier, kind = 'product', is_active, stock, season_tags,
        created_at < %s,
        aroma_fruity, aroma_floral, aroma_spicy, aroma_woody, aroma_mineral, aroma_herbal,
        aroma_earthy
    from orders_product
    order by id
"""
_AXES_FROM = 12


def products_at(*, until: datetime, sold: Ints) -> Products:
    """Return the catalogue: products entered before a moment, and those ``sold`` by then."""
    with connection.cursor() as cursor:
        cursor.execute(_PRODUCTS, [until])
        known = set(sold.tolist())
        rows = [row for row in cursor if row[11] or row[0] in known]
    family, families = coded([row[2] for row in rows])
    grape, grapes = coded([row[3] for row in rows])
    sugar, sugars = coded([row[4] for row in rows])
    return Products(
        id=np.array([row[0] for row in rows], np.int64),
        key=np.array([row[1] for row in rows], np.str_),
        family=family,
        attr1=grape,
        attr2=sugar,
        price=np.array([np.nan if row[5] is None else float(row[5]) for row in rows], np.float64),
        tier=np.array([_or(row[6], NONE) for row in rows], np.int8),
        axes=_axes(rows),
        goods=np.array([row[7] for row in rows], bool),
        active=np.array([row[8] for row in rows], bool),
        stock=np.array([_stock(row[9]) for row in rows], np.int64),
        season=np.array([season_mask(row[10]) for row in rows], np.uint16),
        families=families,
        attr1_names=grapes,
        attr2_names=sugars,
    )


def out_of_season(day: date) -> list[int]:
    """Return the ids of the products that have seasons, but not the one of this day."""
    tagged = Product.objects.exclude(season_tags=[]).order_by("pk")
    return [
        pk
        for pk, tags in tagged.values_list("pk", "season_tags")
        if (mask := season_mask(tags)) and not mask >> (day.month - 1) & 1
    ]


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _stock(value: int | None) -> int:
    """Return pieces; a stock below nothing (sold before it was booked in) is nothing."""
    return NONE if value is None else max(value, 0)


def _axes(rows: Sequence[Sequence[Any]]) -> Any:
    values = [[np.nan if axis is None else axis for axis in row[_AXES_FROM:]] for row in rows]
    return np.array(values, np.float32).reshape(len(rows), len(AXES))
