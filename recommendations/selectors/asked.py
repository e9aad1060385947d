"""What people and other systems name, found: customers by code, products by words."""

from collections.abc import Collection

from customers.models import Customer
from customers.selectors.customers import ids_by_code
from orders.models import Product

SHOWN = 20


def customers_by_code(codes: Collection[str]) -> dict[str, Customer]:
    """Return the customers who have these codes or had them once, by the code asked for."""
    ids = ids_by_code([code for code in codes if "\x00" not in code])
    found = Customer.objects.in_bulk(set(ids.values()))
    return {code: found[key] for code, key in ids.items() if key in found}


def products_like(text: str) -> list[Product]:
    """Return products whose key or label holds every word; the one with that key alone, if any."""
    wanted = text.replace("\x00", "").strip()
    if not wanted:
        return []
    exact = Product.objects.filter(key=wanted).first()
    if exact is not None:
        return [exact]
    return list(Product.objects.search(wanted).order_by("label", "pk")[:SHOWN])
