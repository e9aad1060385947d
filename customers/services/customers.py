"""Everything that writes single customers."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from crm_project.common.exceptions import ConflictError, CrmError
from customers.models import Customer, CustomerAlias

WRITABLE = frozenset(
    {
        "name",
        "email",
        "phone",
        "telegram_id",
        "language",
        "country",
        "registered_at",
        "is_test",
        "is_bounced",
        "is_optout",
        "profile",
    }
)


@transaction.atomic
def create_customer(*, code: str, values: Mapping[str, Any] | None = None) -> Customer:
    """Create a customer.

    Raises:
        ConflictError: the code, or the Telegram id, belongs to somebody already.
        CrmError: a value that nobody may set.
        django.core.exceptions.ValidationError: a value of the wrong form, named by its field.
    """
    if Customer.objects.filter(code=code).exists():
        raise ConflictError(f"There is a customer with the code {code} already.")
    if CustomerAlias.objects.filter(code=code).exists():
        raise ConflictError(f"{code} is an old code of another customer.")
    return _save(Customer(code=code), values or {})


@transaction.atomic
def update_customer(*, customer_id: int, values: Mapping[str, Any]) -> Customer:
    """Change the given fields of a customer, and nothing else.

    Raises:
        ConflictError: the customer was merged into another, or the Telegram id is taken.
        CrmError: there is no such customer, or a value that nobody may set.
        django.core.exceptions.ValidationError: a value of the wrong form, named by its field.
    """
    customer = _locked(customer_id)
    if customer.status == Customer.Status.MERGED:
        raise ConflictError("This customer was merged into another; change that one.")
    return _save(customer, values)


@transaction.atomic
def delete_customer(*, customer_id: int) -> Customer:
    """Mark a customer as deleted. The row stays: orders and history refer to it.

    Raises:
        CrmError: there is no such customer.
    """
    customer = _locked(customer_id)
    if customer.status != Customer.Status.DELETED:
        customer.status = Customer.Status.DELETED
        customer.save(update_fields=["status", "updated_at"])
    return customer


def _locked(customer_id: int) -> Customer:
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None:
        raise CrmError("There is no such customer.")
    return customer


def _save(customer: Customer, values: Mapping[str, Any]) -> Customer:
    if wrong := sorted(set(values) - WRITABLE):
        raise CrmError(f"{wrong[0]} of a customer cannot be set.")
    for name, value in values.items():
        setattr(customer, name, value)
    _check_telegram(customer)
    customer.full_clean(validate_unique=False)
    customer.save()
    customer.refresh_from_db()
    return customer


def _check_telegram(customer: Customer) -> None:
    if customer.telegram_id is None:
        return
    others = Customer.objects.exclude(pk=customer.pk)
    if others.filter(telegram_id=customer.telegram_id).exists():
        raise ConflictError("Another customer has this telegram_id.")
