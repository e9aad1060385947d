"""Embeddings: texts to stored vectors, and the nearest of many vectors.

Embedding, ours: ``embed_customers`` by a new local model, from profiles in PostgreSQL to vectors in
PostgreSQL, learning and index included. Peer: scikit-learn's TF-IDF and truncated SVD on the same
texts, in memory only.
Search, ours: ``nearest_customers`` as the site asks it. Peer: comparing everybody. Limit: 5 ms.
Vectors are made: clusters of several sizes in 128 numbers, most of their spread in 32 directions.
"""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from analytics.embeddings.rows import packed_rows, unpacked_rows
from analytics.models import EmbeddingModel
from analytics.selectors.embedding_texts import all_texts
from analytics.selectors.nearest import Filter, Found, _exact, nearest_customers
from analytics.services import embedding_models
from analytics.services.embeddings import embed_customers
from benchmarks.framework import Row, Scale, seconds

DIMENSION, SPREAD, CLUSTERS = 128, 32, 400
ASKED = 100
NAME = "made for the benchmark"
CHUNK = 50_000

PROFILES = """
    insert into analytics_customerprofile
        (customer_id, orders, average_order_value, median_gap_days, families, grapes, sugar_levels,
         price_bands, channels, as_of)
    select
        t.customer_id, t.order_count, t.sales_total / t.order_count, 10 + random() * 400,
        jsonb_build_array(
            jsonb_build_object('value', 'Family ' || f.one, 'share', 0.6, 'revenue', 60),
            jsonb_build_object('value', 'Family ' || f.two, 'share', 0.3, 'revenue', 30)
        ),
        jsonb_build_array(
            jsonb_build_object('value', 'Grape ' || f.three, 'share', 0.7, 'revenue', 70)
        ),
        jsonb_build_array(
            jsonb_build_object('value', 'sweetness ' || f.one % 5, 'share', 0.8, 'revenue', 80)
        ),
        jsonb_build_array(
            jsonb_build_object('value', 'band ' || f.two % 4, 'share', 0.9, 'revenue', 90)
        ),
        jsonb_build_array(jsonb_build_object('value', 'web', 'share', 1.0, 'revenue', 100)),
        current_date
    from orders_customertotals as t
    cross join lateral (
        select
            floor(power(random(), 2) * 40 + 0 * t.customer_id)::int as one,
            floor(random() * 40)::int as two,
            floor(power(random(), 2) * 120)::int as three
    ) as f
    where t.order_count > 0
    on conflict do nothing
"""


def run(scale: Scale) -> list[Row]:
    """Measure embedding, then searching: everybody, and among few."""
    return [_embedding(), *_searching(scale)]


def _embedding() -> Row:
    with connection.cursor() as cursor:
        cursor.execute("select setseed(0.42)")
        cursor.execute(PROFILES)
        cursor.execute("analyze analytics_customerprofile")
    _forget_made()
    done = 0

    def ours() -> None:
        nonlocal done
        done = embed_customers(all=True, anew=True).embedded

    spent = seconds(ours)
    texts = [text.text for _, text in all_texts()]
    peer = seconds(lambda: _peer(texts))
    return Row(
        f"embedding {done:,} customers, from profiles to indexed vectors",
        done / spent, unit="/s", peer=len(texts) / peer, higher_is_better=True,
        note=f"{spent:.1f} s; the peer only computes: {peer:.1f} s",
    )  # fmt: skip


def _peer(texts: list[str]) -> None:
    weights = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    found = TruncatedSVD(min(DIMENSION, weights.shape[1] - 1), random_state=0)
    rows = found.fit_transform(weights)
    normalize(rows - rows.mean(axis=0), copy=False)


def _searching(scale: Scale) -> list[Row]:
    model, built = _made(scale)
    keys, vectors = _read(model)
    dice = np.random.default_rng(1)
    asked = dice.choice(len(keys), ASKED, replace=False)
    title = f"the 10 nearest of {len(keys):,} x {DIMENSION}"
    rows = []
    with _warm(model):
        exact = [_timed_exact(model, vectors[place])[0] for place in asked[:10]]
        for words, among in (("", Filter()), (", at least 20 orders", Filter(min_orders=20))):
            allowed = _allowed(keys, among)
            times, recall = _measured(model, keys, vectors, asked, among, allowed)
            note = f"recall@10 {recall:.3f}; {int(allowed.sum()):,} fit"
            note += f"; index built in {built:.0f} s" if built and not words else ""
            found = Row(
                title + words, statistics.median(times), unit="ms",
                peer=statistics.median(exact), limit=5.0, at_most_limit=1.0, note=note,
            )  # fmt: skip
            right = Row(
                f"recall@10{words}", recall, unit="", limit=0.97, at_most_limit=1.0,
                higher_is_better=True,
            )  # fmt: skip
            rows += [found, right]
    return rows


def _measured(
    model: EmbeddingModel,
    keys: NDArray[np.int64],
    vectors: NDArray[np.float32],
    asked: NDArray[np.int64],
    among: Filter,
    allowed: NDArray[np.bool_],
) -> tuple[list[float], float]:
    """Return the milliseconds of each search, and the share of the true neighbours found."""
    places = {int(key): place for place, key in enumerate(keys)}
    times, hits = [], 0
    for place in asked:
        started = perf_counter()
        found: Found = nearest_customers(
            model=model, vector=_text(vectors[place]), k=10, among=among, without=int(keys[place])
        )
        times.append((perf_counter() - started) * 1000)
        likeness = vectors @ vectors[place]
        likeness[place] = -2
        likeness[~allowed] = -2
        least = np.partition(likeness, -10)[-10]
        # Of equally near ones each may be it.
        hits += sum(likeness[places[key]] >= least - 1e-6 for key, _ in found.rows)
    return times, hits / (10 * len(asked))


def _timed_exact(model: EmbeddingModel, vector: NDArray[np.float32]) -> tuple[float, int]:
    started = perf_counter()
    rows = _exact(model, _text(vector), 10, None, None)
    return (perf_counter() - started) * 1000, len(rows)


def _text(vector: NDArray[np.float32]) -> str:
    return str(vector.astype(float).tolist())


def _allowed(keys: NDArray[np.int64], among: Filter) -> NDArray[np.bool_]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select customer_id from orders_customertotals where order_count >= %s",
            [among.min_orders or 0],
        )
        fit = np.array([key for (key,) in cursor.fetchall()])
    return np.isin(keys, fit) if among.min_orders else np.ones(len(keys), bool)


def _made(scale: Scale) -> tuple[EmbeddingModel, float]:
    """Return the model of made vectors with its index; made once and kept for the scale."""
    known = EmbeddingModel.objects.filter(name=NAME, indexed_at__isnull=False).first()
    if known is not None:
        return known, 0.0
    _forget_made()
    model = EmbeddingModel.objects.create(
        name=NAME, provider="external", dimension=DIMENSION, template="made", status="ready"
    )
    with connection.cursor() as cursor:
        cursor.execute("select id from customers_customer order by id")
        keys = [key for (key,) in cursor.fetchall()]
        cursor.execute("create temp table made (key bigint, sha text, vector vector)")
        for start, vectors in _vectors(len(keys)):
            part = keys[start : start + len(vectors)]
            with cursor.copy("copy made from stdin (format binary)") as copy:
                copy.write(packed_rows(part, ["0" * 64] * len(part), vectors))
        cursor.execute(
            "insert into analytics_customerembedding (customer_id, model_id, status, vector,"
            " embedded_at) select key, %s, 'done', vector, now() from made",
            [model.pk],
        )
        cursor.execute("drop table made")
        cursor.execute("vacuum (analyze) analytics_customerembedding")
    built = seconds(lambda: embedding_models.build_index(model, at_least=0))
    model.indexed_at = timezone.now()
    return model, built


def _vectors(count: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    dice = np.random.default_rng(0)
    basis = np.linalg.qr(dice.normal(size=(DIMENSION, SPREAD)))[0].T
    centres = dice.normal(size=(CLUSTERS, SPREAD))
    # A few clusters hold many customers, as a few tastes do.
    weight = 1 / np.arange(1, CLUSTERS + 1)
    weight /= weight.sum()
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        inner = centres[dice.choice(CLUSTERS, size, p=weight)]
        inner = inner + dice.normal(size=(size, SPREAD)) * 0.6
        rows = inner @ basis + dice.normal(size=(size, DIMENSION)) * 0.05
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield start, rows.astype(np.float32)


def _read(model: EmbeddingModel) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    statement = (
        "copy (select customer_id, vector from analytics_customerembedding"
        f" where model_id = {model.pk} order by customer_id) to stdout (format binary)"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        return unpacked_rows(copy, dimension=DIMENSION)


def _forget_made() -> None:
    """Remove half-made vectors of an earlier run that was stopped."""
    for model in EmbeddingModel.objects.filter(name=NAME, indexed_at__isnull=True):
        embedding_models._drop_vectors(model)
        model.delete()


@contextmanager
def _warm(model: EmbeddingModel) -> Iterator[None]:
    """Bring index and table into memory first, as they are on a site in use."""
    for extension in ("pg_prewarm",):
        with connection.cursor() as cursor:
            cursor.execute(f"create extension if not exists {extension}")
            cursor.execute("select pg_prewarm(%s)", [f"customer_embedding_{model.pk}"])
            cursor.execute("select pg_prewarm('analytics_customerembedding')")
    yield
