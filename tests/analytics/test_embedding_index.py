"""Each model's vectors get an index of their own, built by the owner of the tables."""

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from analytics.models import CustomerEmbedding, EmbeddingModel
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def a_model(dimension=8, **more):
    return EmbeddingModel.objects.create(
        name="test", provider="local", dimension=dimension, template="taste-1", **more
    )


def fill(model, count=30):
    dice = np.random.default_rng(0)
    CustomerEmbedding.objects.bulk_create(
        CustomerEmbedding(
            customer=CustomerFactory(),
            model=model,
            status="done",
            vector=dice.normal(size=model.dimension).tolist(),
            embedded_at=timezone.now(),
        )
        for _ in range(count)
    )


def ask(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def indexes():
    return ask(
        "select indexname, indexdef from pg_indexes"
        " where tablename = 'analytics_customerembedding' and indexdef like '%%hnsw%%'"
    )


@pytest.mark.parametrize(
    ("dimension", "cast"), [(8, "vector(8)"), (2_000, "vector(2000)"), (3_072, "halfvec(3072)")]
)
def test_a_model_gets_an_index_over_its_own_vectors(dimension, cast):
    model = a_model(dimension)
    fill(model, 5)
    fill(a_model(4, status="retired"), 3)

    assert ask("select crm_private.embedding_index(%s)", model.pk) == [(True,)]
    ask("select crm_private.embedding_index(%s)", model.pk)

    [(name, definition)] = indexes()
    assert name == f"customer_embedding_{model.pk}"
    assert cast in definition
    assert f"model_id = {model.pk}" in definition


def test_too_many_numbers_get_none():
    assert ask("select crm_private.embedding_index(%s)", a_model(4_001).pk) == [(False,)]
    assert indexes() == []


def test_the_index_of_the_current_model_cannot_be_dropped_that_of_another_can():
    model = a_model(status="ready", is_current=True)
    fill(model, 3)
    ask("select crm_private.embedding_index(%s)", model.pk)

    with pytest.raises(DatabaseError, match="current"), transaction.atomic():
        ask("select crm_private.embedding_index_drop(%s)", model.pk)
    EmbeddingModel.objects.update(is_current=False)

    assert ask("select crm_private.embedding_index_drop(%s)", model.pk) == [(True,)]
    assert indexes() == []


def test_the_search_uses_the_index():
    model = a_model()
    fill(model, 200)
    ask("select crm_private.embedding_index(%s)", model.pk)

    plan = ask(
        "explain select customer_id from analytics_customerembedding"  # noqa: S608 - of this test
        f" where model_id = {model.pk} and vector is not null"
        f" order by vector::vector(8) <=> '[{','.join('1' * 8)}]' limit 3"
    )

    assert f"customer_embedding_{model.pk}" in str(plan)
