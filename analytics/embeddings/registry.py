"""Find a provider by the name that settings and stored models use."""

from collections.abc import Mapping
from typing import Any, Final

from analytics.embeddings.base import EmbeddingError, Provider
from analytics.embeddings.local import LocalProvider
from analytics.embeddings.openai import OpenAIProvider

PROVIDERS: Final = ("local", "openai")


def provider_named(name: str, params: Mapping[str, Any], *, key: str = "") -> Provider:
    """Return a provider that has learned nothing yet; ``restored`` gives it a stored model.

    ``params`` are the provider's own fields and may be stored; the key never is, so it comes apart.

    Raises:
        EmbeddingError: an unknown name or parameter.

    >>> provider_named("local", {"dimension": 64}).dimension
    64
    """
    if "key" in params:
        raise EmbeddingError("A key must not stand among stored parameters.")
    try:
        if name == "local":
            return LocalProvider(**params)
        if name == "openai":
            return OpenAIProvider(**params, key=key)
    except TypeError as error:
        raise EmbeddingError(f"These parameters do not fit the provider {name!r}.") from error
    raise EmbeddingError(f"There is no provider {name!r}; choose one of {', '.join(PROVIDERS)}.")
