"""The set-based half of the products import."""

from customers.services.import_table import TablePlan, Target
from orders.importers.products import AROMAS

_SMALL = ("premium_tier", *(f"aroma_{name}" for name in AROMAS))
# What a file gives is no longer derived by a rule, also where the value stays the same.
_DERIVABLE = ("family", "grape", "price", "price_band", "premium_tier", "sugar_level")
_GIVEN_IN_FILE = " or ".join(
    f"(r.{name} is not null and '{name}' = any (t.derived_fields))" for name in _DERIVABLE
)
_GIVEN = "".join(
    f"case when s.{name} is not null then array['{name}'] else '{{}}' end || "
    for name in _DERIVABLE
).removesuffix(" || ")
_LEFT_DERIVED = f"""
    array(select name from unnest(t.derived_fields) as name where not name = any ({_GIVEN}))
"""  # noqa: S608 - built from the names above only
PRODUCTS_PLAN = TablePlan(
    table="orders_product",
    key="key",
    targets=(
        Target("label", "text", "label", "s.key"),
        Target("kind", "text", "kind", "'product'"),
        Target("category", "text", "category"),
        Target("family", "text", "family"),
        Target("grape", "text", "grape", "null"),
        Target("sugar_level", "text", "sugar_level", "null"),
        Target("price", "numeric", "price", "null"),
        Target("unit_cost", "numeric", "unit_cost", "null"),
        Target("price_band", "text", "price_band", "null"),
        *(Target(name, "smallint", name, "null") for name in _SMALL),
        Target("season_tags", "varchar(30)[]", "season_tags", "'{}'"),
        Target("stock", "int", "stock", "null"),
        Target("is_active", "boolean", "is_active", "true"),
        Target("attributes", "jsonb", "attributes", "'{}'"),
    ),
    constants={},
    differs_also=f"({_GIVEN_IN_FILE})",
    sets=(f"derived_fields = {_LEFT_DERIVED}",),
)
