"""Everything that writes single products."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from crm_project.common.exceptions import ConflictError, CrmError
from orders.models import Product
from orders.models.product import AROMA_AXES

WRITABLE = frozenset(
    {
        "label",
        "kind",
        "category",
        "family",
        "grape",
        "sugar_level",
        "price",
        "unit_cost",
        "price_band",
        "premium_tier",
        "season_tags",
        "stock",
        "is_active",
        "attributes",
        *(f"aroma_{axis}" for axis in AROMA_AXES),
    }
)


@transaction.atomic
def create_product(*, key: str, values: Mapping[str, Any]) -> Product:
    """Create a product.

    Raises:
        ConflictError: the key belongs to another product.
        CrmError: a value that nobody may set.
        django.core.exceptions.ValidationError: a value of the wrong form, named by its field.
    """
    if Product.objects.filter(key=key).exists():
        raise ConflictError(f"There is a product with the key {key} already.")
    return _save(Product(key=key), values)


@transaction.atomic
def update_product(*, product_id: int, values: Mapping[str, Any]) -> Product:
    """Change the given fields of a product. What a person sets is no longer marked as derived.

    Raises:
        CrmError: there is no such product, or a value that nobody may set.
        django.core.exceptions.ValidationError: a value of the wrong form, named by its field.
    """
    product = _locked(product_id)
    product.derived_fields = [name for name in product.derived_fields if name not in values]
    return _save(product, values)


@transaction.atomic
def retire_product(*, product_id: int) -> Product:
    """Take a product out of the offer. The row stays: orders refer to it.

    Raises:
        CrmError: there is no such product.
    """
    product = _locked(product_id)
    if product.is_active:
        product.is_active = False
        product.save(update_fields=["is_active", "updated_at"])
    return product


def _locked(product_id: int) -> Product:
    product = Product.objects.select_for_update().filter(pk=product_id).first()
    if product is None:
        raise CrmError("There is no such product.")
    return product


def _save(product: Product, values: Mapping[str, Any]) -> Product:
    if wrong := sorted(set(values) - WRITABLE):
        raise CrmError(f"{wrong[0]} of a product cannot be set.")
    for name, value in values.items():
        setattr(product, name, value)
    product.full_clean(validate_unique=False)
    product.save()
    product.refresh_from_db()
    return product
