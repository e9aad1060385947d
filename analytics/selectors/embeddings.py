"""Read models and vectors: which model serves, who waits for a vector, all vectors at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from analytics.embeddings.base import Vectors
from analytics.embeddings.local import LocalProvider
from analytics.embeddings.rows import unpacked_rows
from analytics.models import CustomerEmbedding, EmbeddingModel, ProductEmbedding
from analytics.selectors.embedding_texts import all_texts, texts_of
from crm_project.common.exceptions import NotReadyError
from customers.models import Customer
from orders.models import Product

WAITING = (CustomerEmbedding.Status.PENDING, CustomerEmbedding.Status.STALE)


def current_model() -> EmbeddingModel | None:
    """Return the model whose vectors everybody sees, without what it learned."""
    return EmbeddingModel.objects.current().defer("artefact").first()


def target_model() -> EmbeddingModel | None:
    """Return the model for which there is work: the one being filled, else the current one."""
    return EmbeddingModel.objects.targets().defer("artefact").first()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many customers of a model are in which state."""

    done: int = 0
    pending: int = 0
    stale: int = 0
    failed: int = 0
    empty: int = 0

    @property
    def waiting(self) -> int:
        return self.pending + self.stale


def counts(model: EmbeddingModel) -> Counts:
    """Count the customers of a model by state; those never looked at are not among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select status, count(*) from analytics_customerembedding where model_id = %s"
            " group by status",
            [model.pk],
        )
        return Counts(**dict(cursor.fetchall()))


def customers_with_status(rows: QuerySet[Customer], status: str) -> QuerySet[Customer]:
    """Keep the customers whose embedding has this status in the model that is being filled.

    ``pending`` is what waits to be embedded: new customers, and those whose text has changed.
    Without any model everybody waits.
    """
    kept = rows.filter(status=Customer.Status.ACTIVE, is_test=False)
    model = target_model()
    pending = status == CustomerEmbedding.Status.PENDING
    if model is None:
        return kept if pending else rows.none()
    known = CustomerEmbedding.objects.filter(model=model)
    if not pending:
        return kept.filter(pk__in=known.filter(status=status).values("customer_id"))
    waiting = known.filter(status__in=WAITING).values_list("customer_id")
    unseen = Customer.objects.filter(pk__gt=model.surveyed_up_to).values_list("pk")
    embedded = known.filter(customer_id__gt=model.surveyed_up_to).exclude(status__in=WAITING)
    return kept.filter(pk__in=waiting.union(unseen, all=True)).exclude(
        pk__in=embedded.values("customer_id")
    )


def products_with_status(rows: QuerySet[Product], status: str) -> QuerySet[Product]:
    """Keep the articles whose embedding has this status in the model that is being filled.

    ``pending`` is what waits to be embedded, those never looked at included. Charges are left out.
    """
    kept = rows.filter(kind=Product.Kind.PRODUCT)
    model = target_model()
    if status != ProductEmbedding.Status.PENDING:
        known = ProductEmbedding.objects.filter(model=model, status=status)
        return kept.filter(pk__in=known.values("product_id")) if model else rows.none()
    settled = ProductEmbedding.objects.filter(model=model).exclude(status__in=WAITING)
    return kept.exclude(pk__in=settled.values("product_id")) if model else kept


class TasteVectors(NamedTuple):
    """Vectors of all customers of whom something is known, in the order of their keys.

    Attributes:
        customer_ids: int64 [n], ascending.
        matrix: float32 [n, dimension]; each row has length 1.
        texts: returns the texts of some of them, by key, to say what a group has in common.
        made_by: the model in words.
    """

    customer_ids: NDArray[np.int64]
    matrix: Vectors
    texts: Callable[[Sequence[int]], Mapping[int, str]]
    made_by: str


def taste_vectors(*, as_of: date | None = None) -> TasteVectors:
    """Return one vector per active customer.

    Args:
        as_of: None, or today: the stored vectors of the current model. A past day: vectors of the
            texts as they would have been at the end of that day, by a local model that learned
            from those very texts. Nothing of later days enters, and nothing is stored.

    Raises:
        NotReadyError: there is no current model yet.
    """
    if as_of is None or as_of >= timezone.localdate():
        return _stored()
    return _past(as_of)


def _stored() -> TasteVectors:
    model = current_model()
    if model is None:
        raise NotReadyError("Nobody has been embedded yet. Run: manage.py embed_customers")
    with connection.cursor() as cursor, cursor.copy(_VECTORS, [model.pk]) as copy:
        keys, vectors = unpacked_rows(copy, dimension=model.dimension)
    return TasteVectors(keys, vectors, _texts_now, str(model))


# Sorted here and not by numpy: the order costs little beside reading.
_VECTORS = """
    copy (
        select e.customer_id, e.vector
        from analytics_customerembedding as e
        where
            e.model_id = %s
            and e.vector is not null
            and not exists (
                select from customers_customer as c
                where c.id = e.customer_id and (c.is_test or c.status <> 'active')
            )
        order by e.customer_id
    ) to stdout (format binary)
"""


def _texts_now(customer_ids: Sequence[int]) -> Mapping[int, str]:
    return {key: text.text for key, text in texts_of(customer_ids).items()}


def _past(as_of: date) -> TasteVectors:
    written = {key: text.text for key, text in all_texts(as_of=as_of) if text.text}
    keys = sorted(written)
    texts = [written[key] for key in keys]
    provider = LocalProvider().fit(texts)
    vectors = provider.embed(texts)
    told = np.flatnonzero(vectors.any(axis=1))
    return TasteVectors(
        np.array(keys, np.int64)[told],
        vectors[told],
        lambda wanted: {key: written[key] for key in wanted if key in written},
        f"a local model of {as_of:%Y-%m-%d}",
    )
