"""Fill product families from the descriptions, where the shop names none."""

from django.db import connection, transaction

from orders.importers.families import family_of
from orders.models import Product

_FILL = """
    UPDATE orders_product AS product
    SET family = derived.family,
        derived_fields = array_append(array_remove(product.derived_fields, 'family'), 'family'),
        updated_at = now()
    FROM unnest(%s::bigint[], %s::text[]) AS derived (id, family)
    WHERE product.id = derived.id
"""


@transaction.atomic
def derive_families() -> int:
    """Derive the family of each article that has none and mark it derived.

    Families that the shop or a person gave stay as they are; charges get none. Returns how many
    products were filled.
    """
    without = Product.objects.filter(kind=Product.Kind.PRODUCT, family="").values_list(
        "pk", "label"
    )
    derived = [(pk, family) for pk, label in without if (family := family_of(label))]
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [[pk for pk, _ in derived], [family for _, family in derived]])
    return len(derived)
