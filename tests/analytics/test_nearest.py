"""The search finds what comparing everybody finds, with and without filters, on real pgvector."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from analytics.embeddings.rows import packed_rows
from analytics.models import EmbeddingModel
from analytics.selectors import nearest
from analytics.selectors.nearest import Filter, nearest_customers
from customers.models import Customer
from orders.models import CustomerTotals

CUSTOMERS, DIMENSION, GROUPS = 5_000, 32, 20
FEW, SOME, MANY = 900, 90, 9
"""Order counts: 1 of 100 customers has 900, 1 of 10 has 90 or more, half have 9 or more."""


class Shop:
    """Vectors in clusters, as tastes are; each row has length 1."""

    def __init__(self, model, keys, vectors, orders):
        self.model, self.keys, self.vectors, self.orders = model, keys, vectors, orders

    def text(self, place):
        return str(self.vectors[place].astype(float).tolist())

    def brute(self, place, k, allowed):
        """The distance of the k-th nearest of the allowed: what counts as found."""
        away = 1 - self.vectors @ self.vectors[place]
        away[place] = np.inf
        away[~allowed] = np.inf
        return np.sort(away)[:k]

    def recall(self, among=Filter(), k=10, asked=range(0, CUSTOMERS, 100), allowed=None):  # noqa: B008
        """The share of the k nearest that is found; of equally near ones each may be it."""
        if allowed is None:
            allowed = self.orders >= (among.min_orders or 0)
        places = {int(key): place for place, key in enumerate(self.keys)}
        hits = total = 0
        for place in asked:
            found = nearest_customers(
                model=self.model,
                vector=self.text(place),
                k=k,
                among=among,
                without=int(self.keys[place]),
            )
            truth = self.brute(place, k, allowed)
            real = [1 - self.vectors[places[key]] @ self.vectors[place] for key, _ in found.rows]
            assert all(allowed[places[key]] for key, _ in found.rows)
            assert len(found.rows) == k
            hits += sum(away <= truth[-1] + 1e-5 for away in real)
            total += k
        return hits / total


@pytest.fixture
def shop(db):
    dice = np.random.default_rng(7)
    customers = Customer.objects.bulk_create(
        [Customer(code=f"C{n:05}") for n in range(CUSTOMERS)], batch_size=4_000
    )
    keys = np.array([customer.pk for customer in customers])
    centres = dice.normal(size=(GROUPS, DIMENSION))
    spread = dice.normal(size=(CUSTOMERS, DIMENSION)) * 0.5
    vectors = centres[dice.integers(GROUPS, size=CUSTOMERS)] + spread
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    draw = dice.random(CUSTOMERS)
    orders = np.select([draw < 0.01, draw < 0.1, draw < 0.5], [FEW, SOME, MANY], 1)
    now = timezone.now()
    CustomerTotals.objects.bulk_create(
        CustomerTotals(customer=customer, order_count=int(count), last_order_at=now)
        for customer, count in zip(customers, orders, strict=True)
    )
    model = EmbeddingModel.objects.create(
        name="made", provider="local", dimension=DIMENSION, template="taste-1", status="ready",
        is_current=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("create temp table made (key bigint, sha text, vector vector)")
        with cursor.copy("copy made from stdin (format binary)") as copy:
            copy.write(packed_rows(keys.tolist(), ["0" * 64] * CUSTOMERS, vectors))
        cursor.execute(
            "insert into analytics_customerembedding"
            " (customer_id, model_id, status, vector, embedded_at)"
            " select key, %s, 'done', vector, now() from made",
            [model.pk],
        )
        cursor.execute("drop table made")
        cursor.execute("select crm_private.embedding_index(%s)", [model.pk])
        cursor.execute("analyze analytics_customerembedding")
        cursor.execute("analyze orders_customertotals")
    model.indexed_at = now
    model.save()
    return Shop(model, keys, vectors, orders)


@pytest.mark.slow
def test_recall_is_97_of_100_without_a_filter_with_weak_and_with_selective_ones(shop, monkeypatch):
    assert shop.recall() >= 0.97
    # By comparing all whom the filter leaves.
    assert shop.recall(Filter(min_orders=FEW)) == 1
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 0)
    # By walking the index until enough have passed.
    for least in (MANY, SOME, FEW):
        assert shop.recall(Filter(min_orders=least)) >= 0.97, least
    # A walk that gives up finds them all the same.
    monkeypatch.setattr(nearest, "SCAN_TUPLES", 1)
    assert shop.recall(Filter(min_orders=FEW)) >= 0.97


@pytest.mark.slow
def test_a_filter_of_customers_who_are_all_far_away_does_not_starve_the_search(shop, monkeypatch):
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 0)
    far = np.argsort(shop.vectors @ shop.vectors[0])[:40]
    shop.orders[:] = 1
    shop.orders[far] = FEW
    CustomerTotals.objects.update(order_count=1)
    CustomerTotals.objects.filter(customer_id__in=shop.keys[far].tolist()).update(order_count=FEW)

    assert shop.recall(Filter(min_orders=FEW), asked=[0], k=40) == 1
    found = nearest_customers(
        model=shop.model, vector=shop.text(0), k=100, among=Filter(min_orders=FEW)
    )
    assert len(found.rows) == 40


@pytest.mark.slow
def test_it_walks_the_index_leaves_out_whom_it_must_and_resets_the_planner(shop):
    first = nearest_customers(model=shop.model, vector=shop.text(0), k=20, among=Filter())
    assert not first.exact
    gone = [key for key, _ in first.rows[:5]]
    Customer.objects.filter(pk__in=gone[:3]).update(status="deleted")
    Customer.objects.filter(pk__in=gone[3:]).update(is_test=True)

    again = nearest_customers(model=shop.model, vector=shop.text(0), k=20, among=Filter())

    assert not set(gone) & {key for key, _ in again.rows}
    assert len(again.rows) == 20
    away = [distance for _, distance in again.rows]
    assert away == sorted(away)
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('enable_sort'), current_setting('hnsw.ef_search')")
        assert cursor.fetchone() == ("on", "40")
    assert timezone.now() - shop.model.indexed_at < timedelta(minutes=5)
