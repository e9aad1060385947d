"""The texts that are embedded: written anew from the profiles each time, kept nowhere.

What a customer is called is read here for one purpose only: to take it out of free text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from django.db import connection

from analytics.scoring.product_text import ProductFacts, product_text
from analytics.scoring.profile_text import ProfileText, TasteProfile, profile_text
from analytics.selectors.profiles import taste_profiles
from customers.models import Customer
from orders.models import Product
from orders.models.product import AROMA_AXES

CHUNK = 5_000
_TELLING = re.compile(
    r"name|company|firm|city|town|place|street|address|mail|phone|contact|birth|born", re.IGNORECASE
)
"""Keys of a customer's own attributes whose values tell who it is."""


def texts_of(customer_ids: Sequence[int]) -> dict[int, ProfileText]:
    """Return the text of each customer as of now; one without a profile gets an empty text."""
    nothing = profile_text(TasteProfile())
    return {**dict.fromkeys(customer_ids, nothing), **dict(_written(None, customer_ids))}


def all_texts(*, as_of: date | None = None) -> Iterator[tuple[int, ProfileText]]:
    """Yield the text of every customer with a profile, as of now or of the end of a past day."""
    yield from _written(as_of, None)


def sample_of_texts(most: int) -> list[str]:
    """Return the texts of at most so many customers with a profile, always the same ones."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, {"most": most})
        ids = [key for (key,) in cursor.fetchall()]
    return [
        text.text
        for start in range(0, len(ids), CHUNK)
        for _, text in _written(None, ids[start : start + CHUNK])
        if text.text
    ]


# By a hash: neither the oldest nor the newest customers.
_SAMPLE = """
    select p.customer_id
    from analytics_customerprofile as p
    inner join customers_customer as c on p.customer_id = c.id
    where c.status = 'active' and not c.is_test
    order by hashint8(p.customer_id), p.customer_id
    limit %(most)s
"""


def product_texts(product_ids: Sequence[int] | None = None) -> dict[int, ProfileText]:
    """Return the text of each product that is sold (charges are none), or of the given ones."""
    found = Product.objects.filter(kind=Product.Kind.PRODUCT)
    if product_ids is not None:
        found = found.filter(pk__in=product_ids)
    return {product.pk: product_text(_facts(product)) for product in found.iterator(CHUNK)}


def _facts(product: Product) -> ProductFacts:
    axes = {axis: getattr(product, f"aroma_{axis}") for axis in AROMA_AXES}
    return ProductFacts(
        label=product.label,
        family=product.family or product.category,
        grape=product.grape or "",
        sugar_level=product.sugar_level or "",
        price_band=product.price_band or "",
        aromas={axis: value for axis, value in axes.items() if value is not None},
        seasons=tuple(product.season_tags),
    )


def _written(
    as_of: date | None, customer_ids: Sequence[int] | None
) -> Iterator[tuple[int, ProfileText]]:
    """Write the texts, with names looked up so that they can be taken out."""
    chunk: list[tuple[int, TasteProfile]] = []
    for entry in taste_profiles(as_of=as_of, customer_ids=customer_ids, chunk=CHUNK):
        chunk.append(entry)
        if len(chunk) == CHUNK:
            yield from _texts(chunk)
            chunk.clear()
    yield from _texts(chunk)


def _texts(chunk: Sequence[tuple[int, TasteProfile]]) -> Iterator[tuple[int, ProfileText]]:
    names = _names([key for key, profile in chunk if profile.tags])
    full = _full_names([key for key, profile in chunk if profile.products])
    for key, profile in chunk:
        yield (
            key,
            profile_text(profile, names=names.get(key, ()), full_name=full.get(key, "")),
        )


def _full_names(customer_ids: Sequence[int]) -> Mapping[int, str]:
    """Return the names of several words: labels of articles made to order may hold them."""
    if not customer_ids:
        return {}
    found = Customer.objects.filter(pk__in=customer_ids, name__contains=" ")
    return dict(found.values_list("pk", "name"))


def _names(customer_ids: Sequence[int]) -> Mapping[int, list[str]]:
    if not customer_ids:
        return {}
    found = Customer.objects.filter(pk__in=customer_ids).values_list(
        "pk", "code", "name", "email", "profile"
    )
    return {
        key: [code, name, email.partition("@")[0], *_telling(profile)]
        for key, code, name, email, profile in found
    }


def _telling(profile: object) -> Iterator[str]:
    """Yield the values of attributes that tell who somebody is, also of nested ones."""
    if not isinstance(profile, dict):
        return
    for key, value in profile.items():
        if isinstance(value, dict):
            yield from _telling(value)
        elif _TELLING.search(str(key)) and isinstance(value, str):
            yield value
