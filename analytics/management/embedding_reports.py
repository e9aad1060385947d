"""What ``embed_customers`` prints: words for people, facts for programs."""

from dataclasses import fields
from typing import Any

from analytics.models import EmbeddingModel
from analytics.services.embeddings import Embedded, Estimate


def run_facts(found: Embedded | Estimate) -> dict[str, Any]:
    """Return a run or an estimate for programs; a price is text, so that no penny is lost."""
    return {one.name: _plain(getattr(found, one.name)) for one in fields(found)}


def _plain(value: Any) -> Any:
    if isinstance(value, EmbeddingModel):
        return {"id": value.pk, "name": value.name, "provider": value.provider}
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def run_words(found: Embedded) -> str:
    """Return what a run did, in one line, and what to do about what is left."""
    words = str(found)
    if found.error:
        words += f" {found.error}"
    elif found.waiting:
        words += " Embed them too with: manage.py embed_customers --all"
    return words


def estimate_words(found: Estimate) -> str:
    """Return what a run would do and cost."""
    model = f"a new model ({found.model})" if found.new_model else found.model
    words = f"{found.customers:,} customers would be embedded by {model}."
    if not found.requests:
        return f"{words} Nothing is sent anywhere and it costs nothing."
    cost = "no price is set" if found.price is None else f"at most {found.price:.4f}"
    return (
        f"{words} {found.requests:,} requests, at most {found.tokens:,} tokens; cost: {cost}"
        " (in the currency of CRM_EMBEDDING_PRICE_PER_MILLION)."
    )
