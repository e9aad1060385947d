"""The command palette: customers, products and orders, found through our own indexes."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from crm_project.common import formats
from customers.models import Customer
from orders.models import Order, Product

_EACH = 8
# Shorter text has no trigram, so it cannot use the index.
_SHORTEST = 3


def search(request: HttpRequest, text: str) -> list[SearchResult]:
    """Return what a user may see of the first hits of each kind.

    The theme hands the text over in lower case; order numbers are compared in upper case too.
    """
    text = text.strip().replace("\x00", "")
    if len(text) < _SHORTEST:
        return []
    return [*_customers(request, text), *_orders(request, text), *_products(request, text)]


def _customers(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    if request.user.has_perm("customers.view_customer"):
        for customer in Customer.objects.search(text).order_by("pk")[:_EACH]:
            note = " · ".join(part for part in (customer.email, customer.country) if part)
            yield _result("customers_customer", customer.pk, str(customer), note, "person")


def _orders(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    if request.user.has_perm("orders.view_order"):
        found = Order.objects.filter(number__in={text, text.upper()}).select_related("customer")
        for order in found[:_EACH]:
            note = f"{order.customer or 'anonymous'} · {formats.money(order.net_amount)}"
            yield _result("orders_order", order.pk, f"Order {order.number}", note, "receipt_long")


def _products(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    if request.user.has_perm("orders.view_product"):
        for product in Product.objects.search(text).order_by("pk")[:_EACH]:
            yield _result("orders_product", product.pk, product.label, product.key, "inventory_2")


def _result(model: str, pk: int, title: str, note: str, icon: str) -> SearchResult:
    link = reverse(f"admin:{model}_change", args=[pk])
    return SearchResult(title=title, description=note, link=link, icon=icon)
