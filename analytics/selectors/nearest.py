"""The nearest vectors of a model, also among few: a filter never leaves fewer than there are.

Three ways. A model without an index is read whole. Of a filter that leaves few, all are compared
(exact). Otherwise the index is walked in the order of distance until enough have passed the filter;
should it give up before, all are compared after all.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from psycopg import sql

from analytics.models import EmbeddingModel, RfmRun
from analytics.scoring.segments import PROSPECTS

EXACT_UP_TO = 20_000
"""A filter that leaves at most so many customers is answered by comparing all of them."""

EF_SEARCH = 120
"""How many candidates a walk keeps. More: better recall, slower. docs/benchmarks.md has figures."""

SCAN_TUPLES = 60_000
"""After so many vectors a walk with a filter gives up, and all are compared."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Whom to look among. None: everybody."""

    segment: str | None = None
    min_orders: int | None = None

    @property
    def is_open(self) -> bool:
        return self.segment is None and self.min_orders is None


@dataclass(frozen=True, slots=True)
class Found:
    """Keys with their cosine distance, the nearest first, and whether all were compared."""

    rows: Sequence[tuple[int, float]]
    exact: bool


def nearest_customers(
    *, model: EmbeddingModel, vector: str, k: int, among: Filter, without: int | None = None
) -> Found:
    """Return the k customers whose vectors point most nearly the same way.

    Args:
        vector: in pgvector's text form.
        without: this customer is left out.
    """
    wanted = _wanted(among)
    if model.indexed_at is None or (wanted is not None and _at_most(wanted, EXACT_UP_TO)):
        return Found(_exact(model, vector, k, wanted, without), exact=True)
    rows = _walk(model, vector, k, wanted, without)
    if len(rows) < k:
        return Found(_exact(model, vector, k, wanted, without), exact=True)
    return Found(rows, exact=False)


def distance(model: EmbeddingModel, vector: str) -> sql.Composed:
    """Return the expression that the model's index is built over."""
    if model.dimension <= 2_000:
        kind = f"vector({model.dimension})"
    elif model.dimension <= 4_000:
        kind = f"halfvec({model.dimension})"
    else:
        kind = "vector"
    return sql.SQL("(e.vector::{kind} <=> {vector}::{kind})").format(
        kind=sql.SQL(kind),
        vector=sql.Literal(vector),
    )


def _wanted(among: Filter) -> sql.Composable | None:
    """Return a query of the customers that the filter leaves; None: everybody."""
    if among.is_open:
        return None
    parts: list[sql.Composable] = []
    if among.segment is not None:
        parts.append(_in_segment(among.segment))
    if among.min_orders is not None:
        parts.append(
            sql.SQL("select customer_id from orders_customertotals where order_count >= {}").format(
                sql.Literal(among.min_orders)
            )
        )
    return sql.SQL(" intersect ").join(parts)


def _in_segment(code: str) -> sql.Composable:
    run = RfmRun.objects.filter(is_current=True).values_list("pk", flat=True).first()
    scored = sql.SQL("select customer_id from analytics_rfmscore where run_id = {}").format(
        sql.Literal(run or 0)
    )
    if code == PROSPECTS:
        return sql.SQL("(select id as customer_id from customers_customer except {})").format(
            scored
        )
    segment = sql.SQL("(select id from analytics_segment where code = {})").format(
        sql.Literal(code)
    )
    return sql.SQL("{} and segment_id = {}").format(scored, segment)


def _at_most(wanted: sql.Composable, most: int) -> bool:
    statement = sql.SQL("select count(*) from (select from ({}) as w limit {}) as few").format(
        wanted, sql.Literal(most + 1)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string())
        return int(cursor.fetchone()[0]) <= most


_EXACT = """
    with compared as materialized (
        select e.customer_id, {distance} as distance
        from {source}
        where e.model_id = {model} and e.vector is not null and e.customer_id <> {without}
            and {alive}
    )
    select customer_id, distance from compared order by distance, customer_id limit {k}
"""

_WALK = """
    select e.customer_id, {distance} as distance
    from analytics_customerembedding as e
    where e.model_id = {model} and e.vector is not null and e.customer_id <> {without}
        and {alive} and {wanted}
    order by distance limit {k}
"""

# The few who are left out have an index of their own.
_ALIVE = sql.SQL(
    "not exists (select from customers_customer as c where c.id = e.customer_id"
    " and (c.is_test or c.status <> 'active'))"
)


def _exact(
    model: EmbeddingModel, vector: str, k: int, wanted: sql.Composable | None, without: int | None
) -> list[tuple[int, float]]:
    source: sql.Composable = sql.SQL("analytics_customerembedding as e")
    if wanted is not None:
        joined = "({}) as w inner join analytics_customerembedding as e using (customer_id)"
        source = sql.SQL(joined).format(wanted)
    return _ask(_EXACT, model, vector, k, without, source=source)


def _walk(
    model: EmbeddingModel, vector: str, k: int, wanted: sql.Composable | None, without: int | None
) -> list[tuple[int, float]]:
    passes: sql.Composable = sql.SQL("true")
    candidates = EF_SEARCH
    if wanted is not None:
        # Many candidates will not pass: among as many as usual the nearest would be missed.
        candidates = 2 * EF_SEARCH
        passes = sql.SQL("e.customer_id in ({})").format(wanted)
    with _walking(max(candidates, 2 * k)):
        rows = _ask(_WALK, model, vector, k, without, wanted=passes)
    return sorted(rows, key=lambda row: (row[1], row[0]))


def _ask(
    statement: str,
    model: EmbeddingModel,
    vector: str,
    k: int,
    without: int | None,
    **parts: sql.Composable,
) -> list[tuple[int, float]]:
    composed = sql.SQL(statement).format(
        distance=distance(model, vector),
        model=sql.Literal(model.pk),
        without=sql.Literal(0 if without is None else without),
        alive=_ALIVE,
        k=sql.Literal(k),
        **parts,
    )
    with connection.cursor() as cursor:
        cursor.execute(composed.as_string())
        return [(int(key), float(away)) for key, away in cursor.fetchall()]


@contextmanager
def _walking(ef_search: int) -> Iterator[None]:
    """Let the planner walk the index in order of distance, and go on until enough have passed."""
    chosen = {
        "hnsw.ef_search": str(min(1_000, ef_search)),
        "hnsw.iterative_scan": "strict_order",
        "hnsw.max_scan_tuples": str(SCAN_TUPLES),
        # A plan that sorts would compare everybody.
        "enable_sort": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    }
    asked = ", ".join(["set_config(%s, %s, true)"] * len(chosen))
    values = [part for pair in chosen.items() for part in pair]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"select {asked}", values)
        yield
        for name in chosen:
            cursor.execute(f"set local {name} to default")
