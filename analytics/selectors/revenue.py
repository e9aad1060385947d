"""Revenue of the business by its local months."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings

from analytics.models import RevenueByMonth
from analytics.selectors.freshness import refreshed_at, step_of


@dataclass(frozen=True, slots=True)
class MonthRevenue:
    month: date
    orders: int
    customers: int
    sales_total: Decimal
    returns_total: Decimal
    net_total: Decimal


@dataclass(frozen=True, slots=True)
class Revenue:
    """Months, the oldest first, in one currency. ``as_of`` is None before the first refresh."""

    as_of: datetime | None
    currency: str
    months: tuple[MonthRevenue, ...]


def revenue_by_month(*, months: int = 24, currency: str | None = None) -> Revenue:
    """Return the newest months with a counted order, in the shop's currency by default."""
    chosen = currency or settings.CRM_CURRENCY
    as_of = refreshed_at(step_of(RevenueByMonth._meta.db_table))
    if as_of is None:
        return Revenue(as_of=None, currency=chosen, months=())
    newest = RevenueByMonth.objects.filter(currency=chosen).order_by("-month")[:months]
    found = [
        MonthRevenue(
            month=row.month,
            orders=row.orders,
            customers=row.customers,
            sales_total=row.sales_total,
            returns_total=row.returns_total,
            net_total=row.net_total,
        )
        for row in reversed(newest)
    ]
    return Revenue(as_of=as_of, currency=chosen, months=tuple(found))
