"""Rows of vectors, in sets: who is new, whose text has changed, what waits, what was made.

The same SQL serves customers and products. Each function is one transaction at most, so that what
was made (and perhaps paid for) is kept when the process dies.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import numpy as np
from django.db import connection, transaction
from psycopg import sql

from analytics.embeddings.base import Vectors
from analytics.embeddings.rows import packed_rows
from analytics.models import EmbeddingModel
from analytics.scoring.profile_text import TEMPLATE, ProfileText
from analytics.selectors.embedding_texts import product_texts, texts_of
from analytics.services import embedding_sql as statements

CHUNK = 5_000
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(days=1)
"""After a failure a row waits; each further one doubles the wait, up to a day."""

WORDS = 300


@dataclass(frozen=True, slots=True)
class Subject:
    """What is embedded: its table, its key, where its data say when they changed, its texts.

    ``source`` gives rows (key, changed_at, embeddable) of everything that could be embedded.
    """

    name: str
    table: LiteralString
    key: LiteralString
    source: LiteralString
    texts: Callable[[Sequence[int]], Mapping[int, ProfileText]]


CUSTOMERS = Subject(
    "customers",
    "analytics_customerembedding",
    "customer_id",
    """
    select c.id as key, p.refreshed_at as changed_at
    from customers_customer as c
    left join analytics_customerprofile as p on p.customer_id = c.id
    where c.status = 'active' and not c.is_test
    """,
    texts_of,
)
PRODUCTS = Subject(
    "products",
    "analytics_productembedding",
    "product_id",
    """
    select id as key, updated_at as changed_at
    from orders_product
    where kind = 'product'
    """,
    product_texts,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the queue; ``changed_at`` is when its data were last written."""

    key: int
    changed_at: datetime | None
    attempts: int


def survey(subject: Subject, model: EmbeddingModel) -> int:
    """Note who is new, gone, or has another text than the one embedded. Returns how many wait anew.

    Texts are written only for rows whose data were written since they were last looked at.
    """
    with transaction.atomic():
        _run(subject, statements.GONE, model)
        found = _run(subject, statements.NEW, model)
        found += _run(subject, statements.OTHER_TEMPLATE, model, template=TEMPLATE)
    after = 0
    while rows := _changed(subject, model, after=after):
        after = rows[-1][0]
        found += _note_changes(subject, model, rows)
    return found


def settle_untold(subject: Subject, model: EmbeddingModel, *, chunk: int = CHUNK) -> int:
    """Mark those of whom nothing is known as empty, for a model that is filled from elsewhere.

    Nobody can send a vector for an empty text: such rows would wait for ever, and keep the model
    from ever being complete. Returns how many they are.
    """
    after = settled = 0
    while rows := waiting(subject, model, after=after, most=chunk):
        after = rows[-1].key
        texts = subject.texts([row.key for row in rows])
        if untold := [row.key for row in rows if not texts[row.key].text]:
            sha = texts[untold[0]].sha256
            with transaction.atomic():
                settled += _run(
                    subject, statements.UNTOLD, model, keys=untold, sha=sha, template=TEMPLATE
                )
    return settled


def want(subject: Subject, model: EmbeddingModel, keys: Sequence[int]) -> None:
    """Let these rows wait for a new vector, whatever became of the former one."""
    with transaction.atomic():
        _run(subject, statements.ASKED, model, keys=list(keys))


def waiting(
    subject: Subject,
    model: EmbeddingModel,
    *,
    after: int,
    most: int,
    only: Sequence[int] | None = None,
) -> list[Waiting]:
    """Return the next rows that want a vector, in the order of their keys; of ``only`` these."""
    with connection.cursor() as cursor:
        values = {
            "model": model.pk,
            "after": after,
            "most": most,
            "only": None if only is None else list(only),
        }
        cursor.execute(_composed(subject, statements.QUEUE), values)
        return [Waiting(*row) for row in cursor.fetchall()]


def unsurveyed(subject: Subject, model: EmbeddingModel | None) -> int:
    """Estimate, without writing, how many a run would embed; without a model: all there are.

    Rows whose data were written since count as changed, whatever their text says.
    """
    with connection.cursor() as cursor:
        values = {"model": None if model is None else model.pk}
        cursor.execute(_composed(subject, statements.UNSURVEYED), values)
        return int(cursor.fetchone()[0])


def how_many_wait(
    subject: Subject, model: EmbeddingModel, *, only: Sequence[int] | None = None
) -> int:
    """Count the rows that want a vector now."""
    with connection.cursor() as cursor:
        values = {"model": model.pk, "only": None if only is None else list(only)}
        cursor.execute(_composed(subject, statements.COUNT), values)
        return int(cursor.fetchone()[0])


def write(
    subject: Subject,
    model: EmbeddingModel,
    rows: Sequence[Waiting],
    texts: Mapping[int, ProfileText],
    vectors: Vectors,
) -> tuple[int, int]:
    """Store the vectors of these rows; zeros mean that nothing can be said. Returns both counts."""
    told: list[bool] = np.any(vectors, axis=1).tolist()
    ids = [row.key for row in rows]
    sha = [texts[row.key].sha256 for row in rows]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("create temp table embedding_batch (key bigint, sha text, vector vector)")
        with cursor.copy("copy embedding_batch from stdin (format binary)") as copy:
            copy.write(packed_rows(ids, sha, vectors))
        values: dict[str, Any] = {
            "model": model.pk,
            "template": TEMPLATE,
            "told": [key for key, one in zip(ids, told, strict=True) if one],
            "keys": ids,
            "changed": [row.changed_at for row in rows],
        }
        cursor.execute(_composed(subject, statements.WRITE), values)
        cursor.execute("drop table embedding_batch")
    done = sum(told)
    return done, len(rows) - done


def write_failed(
    subject: Subject, model: EmbeddingModel, rows: Sequence[Waiting], *, why: str
) -> None:
    """Keep in words why these rows got no vector, and when they are tried again."""
    values: dict[str, Any] = {
        "model": model.pk,
        "keys": [row.key for row in rows],
        "why": why[:WORDS],
        "first": FIRST_PAUSE,
        "longest": LONGEST_PAUSE,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_composed(subject, statements.FAILED), values)


def _run(subject: Subject, statement: LiteralString, model: EmbeddingModel, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_composed(subject, statement), {"model": model.pk, **values})
        return int(cursor.rowcount)


def _composed(subject: Subject, statement: LiteralString) -> str:
    # As text: what records the history of changes in a web request reads every statement.
    return (
        sql.SQL(statement)
        .format(
            table=sql.SQL(subject.table), key=sql.SQL(subject.key), source=sql.SQL(subject.source)
        )
        .as_string()
    )


def _changed(
    subject: Subject, model: EmbeddingModel, *, after: int
) -> list[tuple[int, datetime | None, str]]:
    with connection.cursor() as cursor:
        values = {"model": model.pk, "after": after, "most": CHUNK}
        cursor.execute(_composed(subject, statements.CHANGED), values)
        return list(cursor.fetchall())


def _note_changes(
    subject: Subject, model: EmbeddingModel, rows: Sequence[tuple[int, datetime | None, str]]
) -> int:
    texts = subject.texts([key for key, _, _ in rows])
    same = [(key, at) for key, at, sha in rows if texts[key].sha256 == sha]
    other = [key for key, _, sha in rows if texts[key].sha256 != sha]
    values = {
        "same": [key for key, _ in same],
        "seen": [at for _, at in same],
        "other": other,
    }
    with transaction.atomic():
        _run(subject, statements.SEEN, model, **values)
        _run(subject, statements.STALE, model, **values)
    return len(other)


def batches(rows: Sequence[Waiting], size: int) -> Iterator[Sequence[Waiting]]:
    """Cut rows into batches; one that failed before goes alone, lest it spoil its neighbours."""
    fresh = [row for row in rows if row.attempts == 0]
    for start in range(0, len(fresh), size):
        yield fresh[start : start + size]
    for row in rows:
        if row.attempts:
            yield [row]
