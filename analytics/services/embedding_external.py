"""Vectors that another system computes: what it needs to know, and taking what it sends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from analytics.models import CustomerEmbedding, EmbeddingModel, ProductEmbedding
from analytics.scoring.profile_text import ProfileText
from analytics.selectors.embedding_texts import texts_of
from analytics.selectors.embeddings import target_model
from analytics.services.embedding_models import note_written, refuse_unless_external
from crm_project.common.exceptions import ConflictError, CrmError, NotReadyError
from customers.models import Customer
from customers.selectors.customers import by_code

LARGEST = 1e30
"""Numbers beyond this cannot be squared in single precision."""

SMALLEST = 1e-12
"""A vector shorter than this has no direction that could be trusted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one customer stands in the model that is being filled, or else serves.

    ``text`` is what is to be embedded now; ``text_sha256`` is sent back with the vector.
    """

    customer: Customer
    model: EmbeddingModel | None
    status: str
    text: str
    text_sha256: str
    template: str
    embedded_at: datetime | None
    error: str
    attempts: int


def standing(*, customer: Customer) -> Standing:
    """Return the text to embed for a customer, and what has become of it so far."""
    model = target_model()
    text = texts_of([customer.pk])[customer.pk]
    row = CustomerEmbedding.objects.filter(customer=customer, model=model).defer("vector").first()
    return _standing(customer, model, text, row)


def _standing(
    customer: Customer,
    model: EmbeddingModel | None,
    text: ProfileText,
    row: CustomerEmbedding | None,
) -> Standing:
    status = row.status if row else CustomerEmbedding.Status.PENDING
    if row and row.text_sha256 != text.sha256:
        # Not looked at since the profile was written.
        if row.status == CustomerEmbedding.Status.DONE:
            status = CustomerEmbedding.Status.STALE
        elif row.status == CustomerEmbedding.Status.EMPTY:
            status = CustomerEmbedding.Status.PENDING
    return Standing(
        customer=customer,
        model=model,
        status=str(status),
        text=text.text,
        text_sha256=text.sha256,
        template=text.template,
        embedded_at=row.embedded_at if row else None,
        error=row.error if row else "",
        attempts=row.attempts if row else 0,
    )


def set_embedding(
    *,
    customer_code: str,
    vector: Sequence[float],
    model: int | None = None,
    text_sha256: str = "",
) -> Standing:
    """Store the vector that another system made of a customer's text. Repeating changes nothing.

    It is brought to length 1. Where ``text_sha256`` is not that of the text as it is now, the
    vector is kept and counts as stale.

    Args:
        vector: as many finite numbers as the model has dimensions, not all of them zero.
        model: the id of the model; by default the one that is being filled, else the current one.

    Raises:
        CrmError: the vector is not one of this model.
        NotReadyError: there is no such customer or model.
        ConflictError: the model's vectors are made here, it no longer serves, the customer is not
            embedded (test, merged or deleted), or the index is being built: try again.
    """
    customer = by_code(customer_code)
    if customer is None:
        raise NotReadyError("There is no such customer.")
    if customer.status != Customer.Status.ACTIVE or customer.is_test:
        raise ConflictError("Test, merged and deleted customers are not embedded.")
    chosen = chosen_model(model)
    numbers = unit(vector, dimension=chosen.dimension)
    text = texts_of([customer.pk])[customer.pk]
    fresh = not text_sha256 or text_sha256 == text.sha256
    row = store_vector(
        CustomerEmbedding, {"customer": customer}, chosen, numbers,
        text if fresh else None, sent=text_sha256,
    )  # fmt: skip
    return _standing(customer, chosen, text, row)


def chosen_model(model: int | None) -> EmbeddingModel:
    """Return the model that takes vectors from elsewhere. Raises as ``set_embedding`` does."""
    if model is None:
        found = target_model()
    else:
        found = EmbeddingModel.objects.targets().defer("artefact").filter(pk=model).first()
    if found is None:
        raise NotReadyError("There is no such model that is being filled or serves.")
    refuse_unless_external(found)
    return found


def unit(vector: Sequence[float], *, dimension: int) -> list[float]:
    """Return the vector with length 1.

    Raises:
        CrmError: another dimension, numbers that are none or too large, or no direction.

    >>> unit([3, 4], dimension=2)
    [0.6, 0.8]
    """
    if len(vector) != dimension:
        raise CrmError(f"This model takes {dimension} numbers; {len(vector)} came.")
    numbers = [float(one) for one in vector]
    if not all(math.isfinite(one) and abs(one) < LARGEST for one in numbers):
        raise CrmError("Every number of the vector must be finite, and smaller than 1e30.")
    length = math.sqrt(math.fsum(one * one for one in numbers))
    if length < SMALLEST:
        raise CrmError("The vector is (nearly) zero: it has no direction.")
    return [one / length for one in numbers]


E = TypeVar("E", CustomerEmbedding, ProductEmbedding)


def store_vector(
    table: type[E],
    owner: dict[str, Any],
    model: EmbeddingModel,
    numbers: Sequence[float],
    text: ProfileText | None,
    *,
    sent: str,
) -> E:
    """Write the vector of a customer or a product; without a text it counts as stale.

    Raises:
        ConflictError: the index is being built.
    """
    try:
        return _stored(table, owner, model, numbers, text, sent=sent)
    except OperationalError as error:
        raise ConflictError("The index is being built; try again in a few minutes.") from error


def _stored(
    table: type[E],
    owner: dict[str, Any],
    model: EmbeddingModel,
    numbers: Sequence[float],
    text: ProfileText | None,
    *,
    sent: str,
) -> E:
    done, stale = CustomerEmbedding.Status.DONE, CustomerEmbedding.Status.STALE
    with transaction.atomic():
        with connection.cursor() as cursor:
            # An index is built for minutes; a sender should not wait so long.
            cursor.execute("set local lock_timeout to '5s'")
        row, _ = table._default_manager.update_or_create(
            **owner,
            model=model,
            defaults={
                "status": done if text else stale,
                "vector": list(numbers),
                "text_sha256": text.sha256 if text else sent,
                "template_version": text.template if text else "",
                "embedded_at": timezone.now(),
                "checked_at": None,
                "error": "",
                "attempts": 0,
                "next_try_at": None,
            },
        )
        with connection.cursor() as cursor:
            cursor.execute("set local lock_timeout to default")
    note_written(model, 1)
    return row
