"""What orders add to the customer page and list: last order, number of orders, total."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from crm_project.common import formats
from crm_project.common.registry import Column, Kpi, customer_page
from orders.models import CustomerTotals


def _totals(customer: Any) -> CustomerTotals | None:
    try:
        found: CustomerTotals = customer.totals
    except ObjectDoesNotExist:
        return None
    return found


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield last order, orders and total. The totals are exact now, so "as of" is now."""
    totals = _totals(customer)
    orders = f"{reverse('admin:orders_order_changelist')}?customer_code={customer.code}"
    if totals is None or not totals.order_count:
        yield Kpi("Orders", "none yet", note="Imported orders appear here at once.")
        return
    yield Kpi("Last order", _day(totals.last_order_at), note=_ago(totals.last_order_at))
    yield Kpi(
        "Orders",
        formats.count(totals.order_count),
        note=f"first {_day(totals.first_order_at)}",
        href=orders,
    )
    returned = formats.money(totals.returns_total)
    yield Kpi(
        "Total spent",
        formats.money(totals.net_total),
        note=f"after {returned} of returns; as of now",
        href=orders,
    )


def last_order(customer: Any) -> str:
    totals = _totals(customer)
    return _day(totals.last_order_at) if totals else formats.NOTHING


def total(customer: Any) -> str:
    totals = _totals(customer)
    return formats.money(totals.net_total) if totals else formats.NOTHING


def _day(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%-d %b %Y") if moment else formats.NOTHING


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    days = (timezone.localdate() - timezone.localtime(moment).date()).days
    return {0: "today", 1: "yesterday"}.get(days, f"{days:,} days ago")


customer_page.add_kpis(kpis, position=20, permission="orders.view_order")
customer_page.add_column(
    Column("last_order", "Last order", last_order, "totals", "totals__last_order_at"),
    position=20,
    permission="orders.view_order",
)
customer_page.add_column(
    Column("total", "Total", total, "totals", "totals__sales_total"),
    position=30,
    permission="orders.view_order",
)
