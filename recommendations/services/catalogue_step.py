"""The pipeline's step that counts who buys each product, before recommendations are made."""

from analytics.services.pipeline_registry import (
    Step,
    StepContext,
    StepNotNeededError,
    StepResult,
    register,
)
from orders.services.catalogue import DAYS, refresh_popularity


def popularity(context: StepContext) -> StepResult:
    """Count the buyers of 90 days of each product; of the present only."""
    if not context.make_current:
        raise StepNotNeededError(
            "Popularity describes the present only; this is a day of the past."
        )
    rows = refresh_popularity(as_of=context.as_of)
    return StepResult(rows=rows, words=f"Customers who bought each of {rows:,} products.")


POPULARITY = Step(
    "popularity",
    "Popularity of products",
    95,
    popularity,
    needs=("totals",),
    reads=("orders", "customers"),
    what=f"How many customers bought each product in {DAYS} days",
    page="orders_product_changelist",
    permission="orders.view_product",
)


def register_step() -> None:
    """Add the step to the pipeline."""
    register(POPULARITY)
