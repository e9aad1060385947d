"""Give customers and products their vectors. Orders, customers and products are only read.

One run at a time. Each batch is a transaction of its own: a run that is killed leaves what it had
made, and the next one goes on there. While a new model is filled, the current one serves.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone

from analytics.embeddings.base import EmbeddingError, Provider, Vectors
from analytics.embeddings.openai import OpenAIProvider
from analytics.models import EmbeddingModel
from analytics.models.embeddings import EXTERNAL
from analytics.selectors.embedding_texts import sample_of_texts
from analytics.selectors.embeddings import target_model
from analytics.services import embedding_models as models
from analytics.services import embedding_rows as rows
from analytics.services.embedding_rows import CUSTOMERS, PRODUCTS, Subject, Waiting
from analytics.services.embedding_settings import opened, wanted
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.services import refresh

_LOCK = 7_264_101
"""The advisory lock of embedding runs; any number that nothing else uses."""

BATCH = 50
"""Customers of one run unless more are asked for (seed 000)."""

IN_A_ROW = 3
"""A run ends when so many batches fail one after the other: then it is not the texts."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a run did. ``waiting`` customers are left for the next one.

    ``embedded`` got a vector, of ``empty`` nothing is known, ``failed`` are tried again later;
    ``products`` counts those with a new vector. ``switched``: the model became the current one.
    """

    model: EmbeddingModel
    embedded: int = 0
    empty: int = 0
    failed: int = 0
    products: int = 0
    waiting: int = 0
    switched: bool = False
    error: str = ""

    def __str__(self) -> str:
        parts = [
            f"{self.embedded:,} customers and {self.products:,} products embedded by {self.model}",
            f"nothing is known of {self.empty:,}" if self.empty else "",
            f"{self.failed:,} failed and are tried again" if self.failed else "",
            f"{self.waiting:,} wait" if self.waiting else "",
            "it is the current model from now on" if self.switched else "",
        ]
        return "; ".join(part for part in parts if part) + "."


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would do and cost; nothing was sent. ``price`` is None where none is set."""

    model: str
    new_model: bool
    customers: int
    requests: int
    tokens: int
    price: Decimal | None


def embed_customers(
    *,
    limit: int | None = None,
    all: bool = False,
    anew: bool = False,
    customers: Sequence[int] | None = None,
    user: Any = None,
    progress: Progress | None = None,
) -> Embedded:
    """Embed the customers and products that are new or have another text, and those that failed.

    Args:
        limit: at most so many customers in this run; 50 unless given.
        all: everybody who waits, however many.
        anew: also those whose text is the same, by a new model that learns from today's texts; the
            old vectors serve until it is complete.
        customers: the keys of those who are embedded, also if they were before; nobody else.
        progress: called with customers done, customers in all, and what is going on.

    Raises:
        ConflictError: another run is under way.
        CrmError: the settings make no sense.
        EmbeddingError: the service cannot be asked, or refuses; what was made before is kept.
    """
    with _alone(), refresh.record("embeddings", as_of=timezone.now()) as state:
        model = models.ensure_target(anew=anew, user=user)
        for subject in (CUSTOMERS, PRODUCTS):
            rows.survey(subject, model)
        _note_surveyed(model)
        if customers is not None:
            rows.want(CUSTOMERS, model, customers)
        try:
            most = _most(limit, all=all or customers is not None)
            result = _filled(model, limit=most, only=customers, progress=progress)
        except EmbeddingError as error:
            models.fail_in_words(model, error)
            raise
        result = _finished(result, progress)
        state.rows = result.embedded
        if result.error:
            state.error = result.error
    return result


def _most(limit: int | None, *, all: bool) -> int | None:
    if limit is not None and limit < 1:
        raise CrmError("The limit is a number of customers from 1 on.")
    return None if all else limit or BATCH


def estimate(*, limit: int | None = None, all: bool = False, anew: bool = False) -> Estimate:
    """Say how many customers a run would embed, and what that would cost at most.

    Nothing is written and nothing sent. The tokens are counted on a sample of the texts.
    """
    recipe = wanted()
    model = target_model()
    most = _most(limit, all=all)
    anew = anew or model is None or not recipe.describes(model)
    known = EmbeddingModel(
        name=recipe.name,
        provider=recipe.provider,
        dimension=recipe.dimension,
        params=dict(recipe.params),
    )
    customers = rows.unsurveyed(CUSTOMERS, None if anew else model)
    customers = customers if most is None else min(customers, most)
    plain = Estimate(str(recipe.name), anew, customers, 0, 0, None)
    if recipe.provider == EXTERNAL:
        return plain
    provider = opened(known)
    if not isinstance(provider, OpenAIProvider):
        return plain
    sample = sample_of_texts(models.LEARN_FROM_SERVICE)
    one = provider.cost(sample)
    scale = customers / max(1, len(sample))
    learning = provider.cost(provider.drawn(sample)) if anew else provider.cost([])
    tokens = round(one.tokens * scale) + learning.tokens
    price = provider.price_per_million
    return replace(
        plain,
        requests=-(-customers // provider.batch) + learning.requests,
        tokens=tokens,
        price=None if price is None else price * tokens / 1_000_000,
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of embedding runs; it ends with the connection, so a killed run frees it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise ConflictError("Another embedding run is under way; try again when it is done.")
    try:
        yield
    finally:
        # A broken connection has lost the lock already, and takes no more statements.
        if connection.connection is not None and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])


def _note_surveyed(model: EmbeddingModel) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "update analytics_embeddingmodel set surveyed_up_to = coalesce((select"
            " max(customer_id) from analytics_customerembedding where model_id = %s), 0)"
            " where id = %s",
            [model.pk, model.pk],
        )


def _filled(
    model: EmbeddingModel,
    *,
    limit: int | None,
    only: Sequence[int] | None,
    progress: Progress | None,
) -> Embedded:
    """Make the vectors that are wanted. Those of an external model come from elsewhere."""
    result = Embedded(model)
    if model.provider == EXTERNAL:
        return replace(result, empty=rows.settle_untold(CUSTOMERS, model))
    _tell(progress, 0, None, "Learning from the texts")
    provider = models.fitted(model)
    if provider is None:
        return result
    run = _Run(model, provider, progress)
    run.work(CUSTOMERS, limit, only)
    result = replace(result, embedded=run.done, empty=run.empty, failed=run.failed)
    if not run.error and only is None:
        run.done = 0
        run.work(PRODUCTS)
        result = replace(result, products=run.done)
    return replace(result, error=run.error)


class _Run:
    """One run over what waits: counts, and when to stop because nothing works."""

    def __init__(
        self, model: EmbeddingModel, provider: Provider, progress: Progress | None
    ) -> None:
        self.model, self.provider, self.progress = model, provider, progress
        self.size = provider.batch if isinstance(provider, OpenAIProvider) else rows.CHUNK
        self.done = self.empty = self.failed = self.in_a_row = 0
        self.error = ""

    def work(
        self, subject: Subject, limit: int | None = None, only: Sequence[int] | None = None
    ) -> None:
        """Go once through the queue of a subject, in the order of the keys."""
        total = rows.how_many_wait(subject, self.model, only=only)
        total = total if limit is None else min(total, limit)
        left, after = total, 0
        while left > 0 and not self.error:
            most = min(rows.CHUNK, left)
            found = rows.waiting(subject, self.model, after=after, most=most, only=only)
            if not found:
                return
            after, left = found[-1].key, left - len(found)
            for batch in rows.batches(found, self.size):
                self._batch(subject, batch)
                gone = self.done + self.empty + self.failed
                _tell(self.progress, min(gone, total), total, f"Embedding {subject.name}")
                if self.in_a_row >= IN_A_ROW:
                    return

    def _batch(self, subject: Subject, batch: Sequence[Waiting]) -> None:
        texts = subject.texts([row.key for row in batch])
        try:
            vectors = self._vectors([texts[row.key].text for row in batch])
        except EmbeddingError as error:
            rows.write_failed(subject, self.model, batch, why=str(error))
            self.failed += len(batch)
            self.in_a_row += 1
            if self.in_a_row >= IN_A_ROW:
                self.error = f"Stopped after {IN_A_ROW} failures in a row: {error}"
            return
        done, empty = rows.write(subject, self.model, batch, texts, vectors)
        models.note_written(self.model, done)
        self.done, self.empty, self.in_a_row = self.done + done, self.empty + empty, 0

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        """Ask once for each different text: equal ones get equal vectors."""
        different = list(dict.fromkeys(texts))
        places = {text: at for at, text in enumerate(different)}
        vectors = self.provider.embed(different)
        return vectors[np.array([places[text] for text in texts], dtype=np.int64)]


def _finished(result: Embedded, progress: Progress | None) -> Embedded:
    """Let a complete model take over, keep the index, clear away what no longer serves."""
    model = result.model
    waiting = rows.how_many_wait(CUSTOMERS, model)
    switched = False
    if not model.is_current and models.complete(model):
        _tell(progress, result.embedded, None, "Building the index")
        models.analyze()
        models.build_index(model)
        model = models.activate(model_id=model.pk)
        switched = True
    elif model.is_current:
        models.build_index(model)
    models.clear_former()
    return replace(result, model=model, waiting=waiting, switched=switched)


def _tell(progress: Progress | None, done: int, total: int | None, message: str) -> None:
    if progress is not None:
        progress(done, total, message)
