"""Everything that writes single aliases of products."""

from django.db import IntegrityError, transaction

from crm_project.common.exceptions import ConflictError
from orders.models import Product, ProductAlias


def add_alias(*, label: str, product: Product) -> ProductAlias:
    """Give a product another label.

    Raises:
        ConflictError: the label (in any case) is an alias already.
        django.core.exceptions.ValidationError: an empty or a too long label.
    """
    alias = ProductAlias(label=label.strip(), product=product)
    alias.clean_fields()
    try:
        with transaction.atomic():
            alias.save()
    except IntegrityError as error:
        raise ConflictError(f"The label {label.strip()!r} is an alias already.") from error
    return alias


def remove_alias(*, alias_id: int) -> None:
    """Take a label from its product; orders keep the product they have."""
    ProductAlias.objects.filter(pk=alias_id).delete()
