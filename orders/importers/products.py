"""The columns of product files."""

import json

from customers.importers.errors import Refused
from customers.importers.registry import Reading
from customers.importers.tables import (
    Field,
    TableFormat,
    a_choice,
    a_code,
    a_flag,
    a_text,
    a_whole,
    an_amount,
)
from customers.importers.values import storable

_LONGEST = 64 * 1024
AROMAS = ("fruity", "floral", "spicy", "woody", "mineral", "herbal", "earthy")


def season_tags(raw: str, reading: Reading) -> str:
    """Return a PostgreSQL array of the tags, which stand separated by ``|`` or ``;``."""
    tags = [" ".join(tag.split()) for tag in raw.replace(";", "|").split("|")]
    if any(len(tag) > 30 or not tag.isprintable() for tag in tags):
        raise Refused("bad_season_tags", "A season tag is longer than 30 characters.")
    quoted = (tag.replace("\\", "\\\\").replace('"', '\\"') for tag in tags if tag)
    return "{" + ",".join(f'"{tag}"' for tag in quoted) + "}"


def attributes(raw: str, reading: Reading) -> str:
    """Return the cell as JSON, which must be an object."""
    try:
        found = json.loads(raw)
        text = json.dumps(found, allow_nan=False, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise Refused("bad_attributes", "The attributes are not JSON.") from error
    storable_text = storable(text) == text and "\\u0000" not in text
    if not isinstance(found, dict) or len(text) > _LONGEST or not storable_text:
        raise Refused("bad_attributes", "The attributes are not a JSON object that can be kept.")
    return text


PRODUCTS = TableFormat(
    (
        Field("key", a_code("product"), required=True, also=("product_key",)),
        Field("label", a_text("label", 300), also=("product_label",), about="else the key"),
        Field("kind", a_choice("kind", ("product", "charge")), about="product or charge"),
        Field("category", a_text("category", 100)),
        Field("family", a_text("family", 100)),
        Field("grape", a_text("grape", 100)),
        Field("sugar_level", a_text("sugar_level", 50)),
        Field("price", an_amount("price"), number=True),
        Field("unit_cost", an_amount("unit_cost"), number=True),
        Field("price_band", a_text("price_band", 50)),
        Field("premium_tier", a_whole("premium_tier", 0, 3), about="0 to 3"),
        *(Field(f"aroma_{a}", a_whole(f"aroma_{a}", 1, 5), about="1 to 5") for a in AROMAS),
        Field("season_tags", season_tags, about="separated by |"),
        Field("stock", a_whole("stock", -(2**31), 2**31 - 1)),
        Field("is_active", a_flag("is_active"), about="yes or no"),
        Field("attributes", attributes, about="a JSON object with anything else"),
    )
)
PRODUCT_FORMATS = {"generic": PRODUCTS}
