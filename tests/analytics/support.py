"""Small shops for the tests, written in sets."""

from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from customers.models import Customer
from orders.models import Order

LONDON = ZoneInfo("Europe/London")


def at(day: str | date, clock: str = "12:00") -> datetime:
    """A moment of a local day."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=LONDON)


def shop(orders: dict[str, list[tuple]], **flags: dict) -> dict[str, Customer]:
    """Write customers with orders ``(moment, amount[, kind[, status]])``; return them by code.

    ``flags`` holds other fields of a customer, by code.
    """
    customers = Customer.objects.bulk_create(
        [Customer(code=code, **flags.get(code, {})) for code in orders]
    )
    by_code = {customer.code: customer for customer in customers}
    Order.objects.bulk_create(
        Order(
            source="test",
            number=f"{code}-{place}",
            customer=by_code[code],
            ordered_at=moment if isinstance(moment, datetime) else at(moment),
            net_amount=Decimal(amount),
            gross_amount=Decimal(amount),
            currency="GBP",
            kind=rest[0] if rest else "sale",
            status=rest[1] if len(rest) > 1 else "paid",
        )
        for code, lines in orders.items()
        for place, (moment, amount, *rest) in enumerate(lines)
    )
    return by_code
