"""Finding customers."""

from collections.abc import Collection

from customers.models import Customer, CustomerAlias


def by_code(code: str) -> Customer | None:
    """Return the customer who has this code now, or had it once."""
    if "\x00" in code:
        return None
    customer = Customer.objects.filter(code=code).first()
    if customer is not None:
        return customer
    alias = CustomerAlias.objects.filter(code=code).select_related("customer").first()
    return alias.customer if alias else None


def ids_by_code(codes: Collection[str]) -> dict[str, int]:
    """Return the ids of the customers who have these codes now, or had them once."""
    found = dict(CustomerAlias.objects.filter(code__in=codes).values_list("code", "customer_id"))
    # A code in use wins over an old one.
    found.update(Customer.objects.filter(code__in=codes).values_list("code", "pk"))
    return found
