"""Customers get vectors; a changed text makes them stale; a new model takes over in one moment."""

import numpy as np
import pytest

from analytics.models import CustomerEmbedding, ProductEmbedding
from analytics.selectors.embeddings import current_model, taste_vectors
from analytics.services.embeddings import embed_customers
from tests.analytics.embedding_support import embedded_shop, wine_shop

pytestmark = pytest.mark.django_db


def statuses():
    return dict(CustomerEmbedding.objects.values_list("customer__code", "status"))


def test_everybody_gets_a_vector_and_the_model_becomes_current():
    wine_shop()

    result = embed_customers(all=True)

    assert (result.embedded, result.failed, result.waiting, result.switched) == (16, 0, 0, True)
    assert result.products == 4
    assert set(statuses().values()) == {"done"}
    assert current_model() == result.model
    assert ProductEmbedding.objects.filter(status="done").count() == 4


def test_who_buys_the_same_lies_close_and_who_does_not_lies_far():
    embedded_shop()

    keys, matrix, texts, _ = taste_vectors()

    codes = dict(CustomerEmbedding.objects.values_list("customer_id", "customer__code"))
    likeness = matrix @ matrix.T
    kind = np.array([codes[key][0] for key in keys.tolist()])
    same = kind[:, None] == kind[None, :]
    assert likeness[same].min() > likeness[~same].max()
    assert "Red wine" in texts([next(key for key in codes if codes[key] == "R0")]).popitem()[1]
