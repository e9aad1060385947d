"""The set-based half of the products import."""

from customers.services.import_table import TablePlan, Target
from orders.importers.products import AROMAS

_SMALL = ("premium_tier", *(f"aroma_{name}" for name in AROMAS))
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
    ),
    constants={},
)
