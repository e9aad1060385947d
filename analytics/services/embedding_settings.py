"""What the settings ask for: the provider, what it is set up with, and its key."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from analytics.embeddings.base import Provider
from analytics.embeddings.http_post import Patience
from analytics.embeddings.openai import LARGEST_BATCH, OpenAIProvider
from analytics.models import EmbeddingModel
from analytics.models.embeddings import EXTERNAL
from analytics.scoring.profile_text import TEMPLATE
from crm_project.common.exceptions import CrmError


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what vectors mean. Another recipe means another model.

    ``params`` are the provider's own fields; address, model and dimension are among them, the key,
    the price and the patience are not.
    """

    name: str
    provider: str
    dimension: int
    params: Mapping[str, Any]
    template: str = TEMPLATE

    def describes(self, model: EmbeddingModel) -> bool:
        """Whether the model is what this recipe gives."""
        same = (
            self.provider == model.provider
            and self.dimension == model.dimension
            and dict(self.params) == model.params
        )
        # Only what learned the words of the template must learn new ones; others turn stale.
        local = model.provider == EmbeddingModel.ProviderName.LOCAL
        return same and (not local or self.template == model.template)


def wanted() -> Recipe:
    """Return the recipe that the settings describe.

    Raises:
        CrmError: there is no such provider, or something that it needs is not set.
    """
    provider = settings.CRM_EMBEDDING_PROVIDER
    dimension = settings.CRM_EMBEDDING_DIMENSIONS
    model = settings.CRM_EMBEDDING_MODEL
    if not 1 <= dimension <= 16_000:
        raise CrmError("CRM_EMBEDDING_DIMENSIONS must be from 1 to 16000.")
    if provider == EmbeddingModel.ProviderName.LOCAL:
        params: dict[str, Any] = {"dimension": dimension, "seed": 0}
        return Recipe(f"local, {dimension} numbers", provider, dimension, params)
    if provider not in EmbeddingModel.ProviderName.values:
        known = ", ".join(EmbeddingModel.ProviderName.values)
        raise CrmError(f"CRM_EMBEDDING_PROVIDER must be one of {known}.")
    if not model:
        raise CrmError("Name the model in CRM_EMBEDDING_MODEL.")
    if provider == EXTERNAL:
        return Recipe(model, provider, dimension, {"model": model})
    params = {
        "base_url": settings.CRM_EMBEDDING_BASE_URL,
        "model": model,
        "dimension": dimension,
        "send_dimension": settings.CRM_EMBEDDING_SEND_DIMENSIONS,
    }
    return Recipe(model, provider, dimension, params)


def opened(model: EmbeddingModel) -> Provider:
    """Return the provider of a model, with what it learned, the key, and the patience to wait.

    Raises:
        EmbeddingError: see ``EmbeddingModel.open``.
    """
    if model.provider != EmbeddingModel.ProviderName.OPENAI:
        return model.open()
    # The key goes to the address for which it was given, and to no other.
    ours = model.params.get("base_url") == settings.CRM_EMBEDDING_BASE_URL
    extra = {
        "batch": min(settings.CRM_EMBEDDING_BATCH, LARGEST_BATCH),
        "price_per_million": price(),
        "patience": patience(),
    }
    return model.open(key=settings.CRM_EMBEDDING_API_KEY if ours else "", extra=extra)


def patience() -> Patience:
    """Return how long a service is waited for, and how often it is asked."""
    return Patience(timeout=settings.CRM_EMBEDDING_TIMEOUT)


def price() -> Decimal | None:
    """Return the price of a million tokens; None where none is set."""
    text = settings.CRM_EMBEDDING_PRICE_PER_MILLION
    return Decimal(text) if text else None


def is_service(provider: Provider) -> bool:
    """Whether asking the provider goes over a network and may cost money."""
    return isinstance(provider, OpenAIProvider)
