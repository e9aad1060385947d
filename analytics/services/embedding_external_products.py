"""Vectors of products that another system computes, in the space of the customers' vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics.models import EmbeddingModel, ProductEmbedding
from analytics.scoring.profile_text import ProfileText
from analytics.selectors.embedding_texts import product_texts
from analytics.selectors.embeddings import target_model
from analytics.services.embedding_external import chosen_model, store_vector, unit
from crm_project.common.exceptions import ConflictError
from orders.models import Product

Status = ProductEmbedding.Status


@dataclass(frozen=True, slots=True)
class ProductStanding:
    """How one product stands in the model that is being filled, or else serves."""

    product: Product
    model: EmbeddingModel | None
    status: str
    text: str
    text_sha256: str
    template: str
    embedded_at: datetime | None
    error: str
    attempts: int


def product_standing(*, product: Product) -> ProductStanding:
    """Return the text to embed for a product, and what has become of it so far.

    Raises:
        ConflictError: it is a charge, which is not embedded.
    """
    model = target_model()
    row = ProductEmbedding.objects.filter(product=product, model=model).defer("vector").first()
    return _standing(product, model, _text(product), row)


def set_product_embedding(
    *,
    product: Product,
    vector: Sequence[float],
    model: int | None = None,
    text_sha256: str = "",
) -> ProductStanding:
    """Store the vector that another system made of a product's text. Repeating changes nothing.

    As for a customer (``set_embedding``): it is brought to length 1, and counts as stale where
    ``text_sha256`` is not that of the text as it is now.

    Raises:
        CrmError: the vector is not one of this model.
        NotReadyError: there is no such model.
        ConflictError: the model's vectors are made here, it no longer serves, the product is a
            charge, or the index is being built: try again.
    """
    text = _text(product)
    chosen = chosen_model(model)
    numbers = unit(vector, dimension=chosen.dimension)
    fresh = not text_sha256 or text_sha256 == text.sha256
    row = store_vector(
        ProductEmbedding, {"product": product}, chosen, numbers,
        text if fresh else None, sent=text_sha256,
    )  # fmt: skip
    return _standing(product, chosen, text, row)


def _text(product: Product) -> ProfileText:
    if product.kind != Product.Kind.PRODUCT:
        raise ConflictError("Charges are not embedded.")
    return product_texts([product.pk])[product.pk]


def _standing(
    product: Product,
    model: EmbeddingModel | None,
    text: ProfileText,
    row: ProductEmbedding | None,
) -> ProductStanding:
    status = row.status if row else Status.PENDING
    if row and row.status == Status.DONE and row.text_sha256 != text.sha256:
        # Not looked at since the product was changed.
        status = Status.STALE
    return ProductStanding(
        product=product,
        model=model,
        status=str(status),
        text=text.text,
        text_sha256=text.sha256,
        template=text.template,
        embedded_at=row.embedded_at if row else None,
        error=row.error if row else "",
        attempts=row.attempts if row else 0,
    )
