"""A shop written into the database: made-up customers who buy as the models say, or never leave."""

from datetime import date, timedelta

import numpy as np

from analytics.models import CustomerMetrics
from tests.analytics.buyers import AS_OF, buyers
from tests.analytics.support import at, shop

DAY = date(2011, 11, 9)


def fill(count: int, *, seed: int = 3, leaving: bool = True) -> list[str]:
    """Write the orders of ``count`` customers up to DAY; return the customers' codes."""
    who, day, money = buyers(count, seed=seed) if leaving else _loyal(count, seed)
    orders: dict[str, list[tuple]] = {}
    for customer, when, amount in zip(who, day, money, strict=True):
        moment = at(DAY - timedelta(days=int(AS_OF - when)))
        kind = "return" if (customer + when) % 41 == 0 and f"C{customer}" in orders else "sale"
        orders.setdefault(f"C{customer}", []).append((moment, f"{amount + 1:.2f}", kind))
    shop(orders)
    return list(orders)


def rows_of(run) -> list[tuple]:
    """Return the stored rows of a run, without the run."""
    fields = [f.name for f in CustomerMetrics._meta.fields if f.name not in ("run", "pk")]
    return sorted(CustomerMetrics.objects.filter(run_id=run.pk).values_list(*fields))


def _loyal(count: int, seed: int):
    """Return orders of customers who buy at a steady pace and never leave."""
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(count):
        at_day, pace = float(AS_OF - random.integers(200, 400)), random.uniform(20, 45)
        while at_day <= AS_OF:
            rows.append((customer, int(at_day), random.gamma(6, 5)))
            at_day += random.exponential(pace)
    return tuple(np.array(column) for column in zip(*rows, strict=True))
