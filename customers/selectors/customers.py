"""Finding customers."""

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
