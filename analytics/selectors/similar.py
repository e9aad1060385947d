"""Who is like a customer in taste, which products are like a product, and what they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from analytics.embeddings.common_values import values_in_common
from analytics.embeddings.local import CommonTerm, LocalProvider
from analytics.models import CurrentRfmScore, CustomerEmbedding, EmbeddingModel, Segment
from analytics.selectors.embedding_texts import product_texts, texts_of
from analytics.selectors.embeddings import current_model
from analytics.selectors.nearest import Filter, nearest_customers
from crm_project.common.exceptions import CrmError, NotReadyError
from customers.models import Customer
from orders.models import CustomerTotals, Product

MOST = 100
TERMS = 5
_LABELS = frozenset(
    [
        "families",
        "grapes",
        "sweetness",
        "price",
        "aromas",
        "products",
        "budget",
        "rhythm",
        "channels",
        "season",
        "notes",
    ]
)
"""Words of the template that stand before the values: alone they say nothing."""

NO_MODEL = "Nobody has been embedded yet. Run: manage.py embed_customers"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A customer who is like another: ``likeness`` is the cosine, at most 1.

    ``in_common`` holds the terms that make them alike, the strongest first.
    """

    customer: Customer
    likeness: float
    in_common: Sequence[CommonTerm]
    segment: Segment | None
    orders: int


@dataclass(frozen=True, slots=True)
class SimilarProduct:
    """A product that is like another."""

    product: Product
    likeness: float
    in_common: Sequence[CommonTerm]


@dataclass(frozen=True, slots=True)
class Similar:
    """The neighbours of one customer, the nearest first; ``exact``: all were compared."""

    model: EmbeddingModel
    status: str
    exact: bool
    neighbours: Sequence[Neighbour]


def similar_customers(
    *, customer_id: int, k: int = 10, segment: str | None = None, min_orders: int | None = None
) -> Similar:
    """Return the k customers whose taste is most like a customer's.

    Test, merged and deleted customers are never among them. A filter leaves fewer than k only
    where there are fewer.

    Args:
        k: 1 to 100.
        segment: only customers of this RFM segment, by its code.
        min_orders: only customers with so many sales.

    Raises:
        CrmError: k or the segment make no sense.
        NotReadyError: there is no current model, or this customer has no vector; it says why.
    """
    if not 1 <= k <= MOST:
        raise CrmError(f"k is a number from 1 to {MOST}.")
    if segment is not None and not Segment.objects.filter(code=segment).exists():
        raise CrmError(f"There is no segment {segment[:50]!r}.")
    model = _model()
    status, vector = _vector_of(customer_id, model)
    found = nearest_customers(
        model=model,
        vector=vector,
        k=k,
        among=Filter(segment, min_orders),
        without=customer_id,
    )
    return Similar(model, status, found.exact, _described(model, customer_id, found.rows))


def similar_products(*, product_id: int, k: int = 10) -> list[SimilarProduct]:
    """Return the k active products that are most like a product; all are compared.

    Raises:
        CrmError: k makes no sense.
        NotReadyError: there is no current model, or this product has no vector.
    """
    if not 1 <= k <= MOST:
        raise CrmError(f"k is a number from 1 to {MOST}.")
    model = _model()
    with connection.cursor() as cursor:
        cursor.execute(_PRODUCTS, {"model": model.pk, "product": product_id, "k": k})
        rows = cursor.fetchall()
    if not rows:
        raise NotReadyError("This product has no vector in the current model.")
    products = Product.objects.in_bulk([key for key, _ in rows])
    texts = {key: text.text for key, text in product_texts([product_id, *products]).items()}
    return [
        SimilarProduct(
            products[key],
            1 - away,
            in_common(model, texts.get(product_id, ""), texts.get(key, "")),
        )
        for key, away in rows
    ]


_PRODUCTS = """
    select e.product_id, (e.vector <=> own.vector) as distance
    from analytics_productembedding as own
    inner join analytics_productembedding as e
        on own.model_id = e.model_id and own.product_id <> e.product_id
    inner join orders_product as p on e.product_id = p.id
    where
        own.model_id = %(model)s and own.product_id = %(product)s
        and own.vector is not null and e.vector is not null and p.is_active
    order by distance, e.product_id
    limit %(k)s
"""


def in_common(model: EmbeddingModel, left: str, right: str) -> list[CommonTerm]:
    """Return what makes two texts alike: by the weights of a local model, else value by value."""
    if model.provider != EmbeddingModel.ProviderName.LOCAL:
        return values_in_common(left, right)
    found = _learned(model.pk).terms_in_common(left, right, most=3 * TERMS)
    return [one for one in found if one.term not in _LABELS][:TERMS]


@lru_cache(maxsize=2)
def _learned(model_id: int) -> LocalProvider:
    """Read what a model learned once per process: megabytes, which never change."""
    provider = EmbeddingModel.objects.get(pk=model_id).open()
    if not isinstance(provider, LocalProvider):
        raise TypeError("not a local model")
    return provider


def _model() -> EmbeddingModel:
    model = current_model()
    if model is None:
        raise NotReadyError(NO_MODEL)
    return model


_WHY = {
    "pending": "This customer waits to be embedded; that happens every hour.",
    "empty": "Nothing is known of this customer's taste yet, so there is nobody to compare with.",
    "failed": "Embedding this customer failed; it is tried again.",
}


def _vector_of(customer_id: int, model: EmbeddingModel) -> tuple[str, str]:
    """Return status and vector, the latter as text: the database reads it back without loss."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select status, vector::text from analytics_customerembedding"
            " where customer_id = %s and model_id = %s",
            [customer_id, model.pk],
        )
        row = cursor.fetchone()
    if row is None or row[1] is None:
        raise NotReadyError(_WHY[row[0] if row else CustomerEmbedding.Status.PENDING])
    return row[0], row[1]


def _described(
    model: EmbeddingModel, customer_id: int, rows: Sequence[tuple[int, float]]
) -> list[Neighbour]:
    keys = [key for key, _ in rows]
    customers = Customer.objects.in_bulk(keys)
    texts = texts_of([customer_id, *keys])
    scores = {
        score.customer_id: score.segment
        for score in CurrentRfmScore.objects.filter(customer_id__in=keys).select_related("segment")
    }
    orders = dict(
        CustomerTotals.objects.filter(customer_id__in=keys).values_list(
            "customer_id", "order_count"
        )
    )
    own = texts[customer_id].text
    return [
        Neighbour(
            customers[key],
            # Rounding of single precision may go a hair over.
            min(1.0, 1 - away),
            in_common(model, own, texts[key].text),
            scores.get(key),
            orders.get(key, 0),
        )
        for key, away in rows
        if key in customers
    ]
