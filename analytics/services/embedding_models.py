"""The life of a model: begun, fitted, filled, made current, retired, cleared away.

Filling goes on beside the current model, which serves until the new one is complete. Then one
transaction moves the mark. Whatever kills a process on the way leaves the old model serving.
"""

import math
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from analytics.embeddings.base import Provider
from analytics.models import CustomerEmbedding, EmbeddingModel, ProductEmbedding
from analytics.models.embeddings import EXTERNAL
from analytics.scoring.profile_text import TEMPLATE
from analytics.selectors.embedding_texts import product_texts, sample_of_texts
from analytics.selectors.embeddings import Counts, counts, current_model
from analytics.services.embedding_settings import Recipe, is_service, opened, wanted
from crm_project.common.exceptions import ConflictError, CrmError, NotReadyError

REFIT_FROM = 50
REFIT_SHARE = 0.2
"""A local model learns anew once so many vectors, and such a part of what it learned from, are of
new or changed texts: its words and its centre then describe an older shop."""

LEARN_FROM = 100_000
LEARN_FROM_SERVICE = 2_000
"""Texts from which a model learns at most; a service is asked for fewer of them still."""

INDEX_FROM = 10_000
"""Below so many vectors reading all of them takes a few milliseconds and misses none."""

FAILED_SHARE = 0.01
"""A model may become current while such a part of its customers failed; they are tried again."""

KEEP_FORMER = timedelta(days=7)
"""So long the vectors of a former model are kept, to go back to them."""


def ensure_target(*, anew: bool = False, user: Any = None) -> EmbeddingModel:
    """Return the model to work on; begin a new one where the settings or the texts ask for it.

    Args:
        anew: embed everybody again, also those whose text is the same.

    Raises:
        CrmError: the settings make no sense.
    """
    recipe = wanted()
    building = EmbeddingModel.objects.filter(status=EmbeddingModel.Status.BUILDING).first()
    if building is not None:
        if recipe.describes(building):
            return building
        _give_up(building, "The settings changed before it was complete.")
    current = EmbeddingModel.objects.current().first()
    reason = _reason(recipe, current, anew=anew)
    return _begin(recipe, reason, user) if reason or current is None else current


def _reason(recipe: Recipe, current: EmbeddingModel | None, *, anew: bool) -> str:
    """Return why a new model is needed; empty if the current one will do."""
    if current is None:
        return "The first model."
    if not recipe.describes(current):
        return f"The settings or the template changed: {current.name} before."
    if anew:
        return "Asked for: everybody anew."
    if refit_due(current):
        return (
            f"{current.written:,} vectors of new or changed texts since it learned from"
            f" {current.fitted_on:,}."
        )
    return ""


def refit_at(model: EmbeddingModel) -> int | None:
    """Return the vectors of new or changed texts with which a model learns anew; None: never."""
    if model.provider != EmbeddingModel.ProviderName.LOCAL or not model.is_current:
        return None
    return max(REFIT_FROM, math.ceil(REFIT_SHARE * model.fitted_on))


def refit_due(model: EmbeddingModel) -> bool:
    """Whether so much has changed since the model learned that it should learn anew."""
    needed = refit_at(model)
    return needed is not None and model.written >= needed


def _begin(recipe: Recipe, reason: str, user: Any) -> EmbeddingModel:
    return EmbeddingModel.objects.create(
        name=recipe.name,
        provider=recipe.provider,
        dimension=recipe.dimension,
        params=dict(recipe.params),
        template=recipe.template,
        reason=reason,
        created_by=user,
    )


def _give_up(model: EmbeddingModel, why: str) -> None:
    EmbeddingModel.objects.filter(pk=model.pk).update(
        status=EmbeddingModel.Status.FAILED, error=why
    )


def fitted(model: EmbeddingModel) -> Provider | None:
    """Return the model's provider, after learning from the texts if it has not yet.

    None: there is no text to learn from.

    Raises:
        EmbeddingError: the service cannot be asked, or what was learned cannot be read.
    """
    provider = opened(model)
    if model.artefact is not None:
        return provider
    most = LEARN_FROM_SERVICE if is_service(provider) else LEARN_FROM
    texts = sample_of_texts(most)
    if not texts:
        return None
    goods = [text.text for text in list(product_texts().values())[:most] if text.text]
    learned = provider.fit([*texts, *goods])
    model.artefact = learned.serialise()
    model.fitted_on = len(texts)
    model.fitted_at = timezone.now()
    model.template = TEMPLATE
    model.save(update_fields=["artefact", "fitted_on", "fitted_at", "template"])
    return learned


def complete(model: EmbeddingModel, found: Counts | None = None) -> bool:
    """Whether a model that is being filled can take over: nobody waits, and hardly any failed."""
    known = found or counts(model)
    return known.waiting == 0 and known.done > 0 and known.failed <= FAILED_SHARE * known.done


def build_index(model: EmbeddingModel, *, at_least: int = INDEX_FROM) -> bool:
    """Build the index of a model's vectors where there are enough of them.

    Readers are not blocked; vectors that are written meanwhile wait. A model that is too small, or
    has more than 4,000 numbers per vector, gets none and is searched exactly.
    """
    if model.indexed_at is not None or counts(model).done < at_least:
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select crm_private.embedding_index(%s)", [model.pk])
        if not cursor.fetchone()[0]:
            return False
        model.indexed_at = timezone.now()
        model.save(update_fields=["indexed_at"])
    return True


def analyze() -> None:
    """Tell the planner about the vectors that were written."""
    with connection.cursor() as cursor:
        cursor.execute("select crm_private.embedding_analyze()")


def activate(*, model_id: int, partly: bool = False) -> EmbeddingModel:
    """Make a model the one that everybody sees; the former one is retired in the same moment.

    Args:
        partly: also while customers still wait for their vector in it.

    Raises:
        NotReadyError: there is no such model, it holds no vectors, or some customers wait.
        ConflictError: its vectors were cleared away, or the settings describe another model.
    """
    with transaction.atomic():
        rows = {model.pk: model for model in EmbeddingModel.objects.select_for_update()}
        model = rows.get(model_id)
        if model is None:
            raise NotReadyError("There is no such model.")
        if model.is_current:
            return model
        _check_may_serve(model, partly=partly)
        EmbeddingModel.objects.filter(is_current=True).update(
            is_current=False, status=EmbeddingModel.Status.RETIRED
        )
        model.status, model.is_current = EmbeddingModel.Status.READY, True
        model.activated_at, model.error, model.written = timezone.now(), "", 0
        model.save(update_fields=["status", "is_current", "activated_at", "error", "written"])
    return model


def _check_may_serve(model: EmbeddingModel, *, partly: bool) -> None:
    if model.dropped_at is not None:
        raise ConflictError("Its vectors were cleared away; embed everybody anew instead.")
    if not wanted().describes(model):
        raise ConflictError("The settings describe another model; change CRM_EMBEDDING_* first.")
    found = counts(model)
    if not found.done:
        raise NotReadyError("It holds no vectors yet.")
    if not partly and not complete(model, found):
        raise NotReadyError(
            f"{found.waiting:,} customers still wait for their vector and {found.failed:,} failed."
        )


def note_written(model: EmbeddingModel, vectors: int) -> None:
    """Count vectors of new and changed texts, for the rule of learning anew."""
    EmbeddingModel.objects.filter(pk=model.pk, is_current=True).update(
        written=F("written") + vectors
    )


def clear_former(*, at: Any = None) -> list[int]:
    """Remove the vectors of models that no longer serve; the newest former one stays some days.

    Their rows stay with what was learned. Returns the models cleared.
    """
    now = at or timezone.now()
    current = current_model()
    former = EmbeddingModel.objects.filter(
        status__in=[EmbeddingModel.Status.RETIRED, EmbeddingModel.Status.FAILED],
        dropped_at__isnull=True,
    ).order_by("-activated_at", "-pk")
    cleared = []
    for place, model in enumerate(former.filter(activated_at__isnull=False).defer("artefact")):
        recent = current and current.activated_at and now - current.activated_at < KEEP_FORMER
        if (place > 0 or not recent) and _drop_vectors(model):
            cleared.append(model.pk)
    never = former.filter(activated_at__isnull=True).defer("artefact")
    return [*cleared, *(model.pk for model in never if _drop_vectors(model))]


@transaction.atomic
def _drop_vectors(model: EmbeddingModel) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select crm_private.embedding_index_drop(%s)", [model.pk])
        if not cursor.fetchone()[0]:
            return False
    for rows in (CustomerEmbedding.objects, ProductEmbedding.objects):
        rows.filter(model_id=model.pk)._raw_delete("default")
    EmbeddingModel.objects.filter(pk=model.pk).update(dropped_at=timezone.now(), indexed_at=None)
    return True


def refuse_unless_external(model: EmbeddingModel) -> None:
    """Raise ``ConflictError`` for a model whose vectors are made here."""
    if model.provider != EXTERNAL:
        raise ConflictError(
            f"The vectors of {model} are made here. To send your own, set CRM_EMBEDDING_PROVIDER to"
            " external, with CRM_EMBEDDING_MODEL and CRM_EMBEDDING_DIMENSIONS."
        )


def fail_in_words(model: EmbeddingModel, error: CrmError) -> None:
    """Keep on the model why it could not go on; the next run clears it by going on."""
    EmbeddingModel.objects.filter(pk=model.pk).update(error=str(error)[:300])
