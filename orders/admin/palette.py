"""Orders for the command palette, found by their whole number."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from crm_project.common import formats
from orders.models import Order

_EACH = 8


def orders(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    """Yield the orders with this number that the user may see.

    The theme hands the text over in lower case; order numbers are compared in upper case too.
    """
    if request.user.has_perm("orders.view_order"):
        found = Order.objects.filter(number__in={text, text.upper()}).select_related("customer")
        for order in found[:_EACH]:
            yield SearchResult(
                title=f"Order {order.number}",
                description=f"{order.customer or 'anonymous'} · {formats.money(order.net_amount)}",
                link=reverse("admin:orders_order_change", args=[order.pk]),
                icon="receipt_long",
            )
