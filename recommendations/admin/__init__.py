from recommendations.admin import (
    backtests,
    configs,
    customer_contact,
    customer_tab,
    decisions,
    exports,
    items,
    outcomes,
    runs,
)

__all__ = [
    "backtests",
    "configs",
    "customer_contact",
    "customer_tab",
    "decisions",
    "exports",
    "items",
    "outcomes",
    "runs",
]
