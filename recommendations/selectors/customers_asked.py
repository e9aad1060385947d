"""Customers named by their codes."""

from collections.abc import Collection

from crm_project.common.exceptions import CrmError
from customers.models import Customer
from customers.selectors.customers import ids_by_code

NAMED = 5
"""Codes that a message names; of more it says how many there are."""


def chosen_customers(codes: Collection[str] | None) -> dict[str, int] | None:
    """Return the ids by present code of the customers asked for; None where all are.

    Old codes count. Raises ``CrmError`` for codes that nobody has, and for customers to whom
    nothing is recommended: test, merged and deleted ones.
    """
    if codes is None:
        return None
    asked = sorted({code.strip() for code in codes} - {""})
    if not asked:
        raise CrmError("Name at least one customer, or leave the customers out to mean all.")
    found = ids_by_code(asked)
    refuse([code for code in asked if code not in found], "No customer has the code")
    rows = Customer.objects.filter(pk__in=found.values())
    active = dict(rows.filter(status="active", is_test=False).values_list("code", "pk"))
    left = rows.exclude(pk__in=active.values()).order_by("code")
    refuse(list(left.values_list("code", flat=True)), "Nothing is recommended to test, merged or "
            "deleted customers like")  # fmt: skip
    return active


def refuse(codes: list[str], words: str) -> None:
    """Raise ``CrmError`` that names the codes, where there are any."""
    if codes:
        more = f" and {len(codes) - NAMED:,} more" if len(codes) > NAMED else ""
        raise CrmError(f"{words} {', '.join(codes[:NAMED])}{more}.")
