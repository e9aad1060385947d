"""The provider over HTTP, against a service on this machine."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from analytics.embeddings.base import (
    ArtefactError,
    EmbeddingError,
    NotFittedError,
    PrivateTextError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from analytics.embeddings.http_post import Patience
from analytics.embeddings.openai import OpenAIProvider
from analytics.embeddings.registry import provider_named
from tests.analytics.embedding_service import Service, running, vector

TEXTS = ["mostly Riesling", "mostly Port", "some Malbec"]


@pytest.fixture
def service() -> Iterator[Service]:
    with running() as started:
        yield started


def provider(service: Service, waits: list[float] | None = None, **params: Any) -> OpenAIProvider:
    """Return one that notes how long it would wait, in place of waiting."""
    noted = [] if waits is None else waits
    made = OpenAIProvider(service.url, "small-1", 8, key="s3cret", sleep=noted.append)
    return replace(made, **{"centre": np.zeros(8), **params})


def test_each_text_gets_its_own_vector_whatever_the_order_of_the_answer(service: Service) -> None:
    found = provider(service).embed(TEXTS)
    assert found.dtype == np.float32
    for text, row in zip(TEXTS, found, strict=True):
        right = np.array(vector(text, 8))
        np.testing.assert_allclose(row, right / np.linalg.norm(right), atol=1e-6)


def test_a_request_names_model_dimension_and_key(service: Service) -> None:
    provider(service).embed(TEXTS)
    assert service.asked == [{
        "path": "/v1/embeddings", "model": "small-1", "input": TEXTS,
        "encoding_format": "float", "dimensions": 8,
    }]  # fmt: skip
    assert service.headers[0]["Authorization"] == "Bearer s3cret"


def test_a_model_without_the_parameter_is_not_told_a_dimension(service: Service) -> None:
    provider(service, send_dimension=False, key="").embed(TEXTS)
    assert "dimensions" not in service.asked[0]
    assert "Authorization" not in service.headers[0]


def test_texts_travel_in_batches_of_at_most_fifty(service: Service) -> None:
    texts = [f"taste number {at}" for at in range(120)]
    assert provider(service).embed(texts).shape == (120, 8)
    assert [len(one["input"]) for one in service.asked] == [50, 50, 20]


def test_blank_texts_are_not_sent_and_get_zeros(service: Service) -> None:
    found = provider(service).embed(["", "dry", "  "])
    assert [row.any() for row in found] == [False, True, False]
    assert service.asked[0]["input"] == ["dry"]
    assert provider(service).embed([]).shape == (0, 8)
    assert len(service.asked) == 1


def test_fitting_learns_the_centre_of_a_sample(service: Service) -> None:
    texts = [f"taste number {at}" for at in range(40)]
    model = replace(provider(service), centre=None, sample=20).fit(texts)
    assert [len(one["input"]) for one in service.asked] == [20]
    found = model.embed(texts)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(found.mean(axis=0)) < 0.4
    again = replace(model, centre=None).restored(model.serialise())
    np.testing.assert_array_equal(again.embed(texts), found)


def test_two_texts_have_no_centre_worth_subtracting(service: Service) -> None:
    model = replace(provider(service), centre=None).fit(TEXTS[:2])
    assert service.asked == []
    assert model.embed(TEXTS[:2]).any(axis=1).all()


@pytest.mark.parametrize("text", ["write to anna@example.com", "call +49 30 1234567"])
def test_a_text_with_a_contact_is_refused_before_anything_is_sent(
    service: Service, text: str
) -> None:
    texts = ["dry"] * 60 + [text]
    with pytest.raises(PrivateTextError, match=r"nothing was sent\. It is text 61") as refused:
        provider(service).embed(texts)
    assert text not in str(refused.value)
    with pytest.raises(PrivateTextError):
        provider(service).fit([*TEXTS, text])
    assert service.asked == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_service_is_asked_again_after_longer_and_longer_waits(
    service: Service, status: int
) -> None:
    waits: list[float] = []
    service.instead = [(status, {}, b"")] * 3
    assert provider(service, waits).embed(TEXTS).any()
    assert waits == [0.5, 1.0, 2.0]


def test_the_wait_that_the_service_asks_for_is_kept(service: Service) -> None:
    waits: list[float] = []
    service.instead = [
        (429, {"Retry-After": "7"}, b""),
        (503, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, b""),
        (503, {"Retry-After": "soon"}, b""),
    ]
    provider(service, waits).embed(TEXTS)
    assert waits == [7.0, 0.0, 2.0]


def test_a_service_that_asks_for_hours_is_left_alone(service: Service) -> None:
    waits: list[float] = []
    service.instead = [(429, {"Retry-After": "7200"}, b"")]
    with pytest.raises(ProviderUnavailableError, match="answered 429"):
        provider(service, waits).embed(TEXTS)
    assert waits == []
    assert len(service.asked) == 1


def test_the_last_try_gives_up_in_words(service: Service) -> None:
    service.instead = [(500, {}, b"your text was: mostly Riesling")] * 5
    with pytest.raises(ProviderUnavailableError, match="tried 5 of 5 times") as failed:
        provider(service).embed(TEXTS)
    assert "Riesling" not in str(failed.value)
    assert len(service.asked) == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_repeated_and_tells_no_secret(service: Service, status: int) -> None:
    service.instead = [(status, {}, b"s3cret mostly Riesling")]
    with pytest.raises(ProviderRefusedError, match=str(status)) as refused:
        provider(service).embed(TEXTS)
    assert "s3cret" not in str(refused.value)
    assert len(service.asked) == 1


def test_a_redirect_is_not_followed(service: Service) -> None:
    service.instead = [(307, {"Location": f"{service.url}/elsewhere"}, b"")]
    with pytest.raises(ProviderRefusedError, match="307"):
        provider(service).embed(TEXTS)
    assert len(service.asked) == 1


def test_a_service_out_of_reach_is_said_to_be_so() -> None:
    with running() as gone:
        url = gone.url
    waits: list[float] = []
    with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
        provider(Service(url=url), waits).embed(TEXTS)
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_a_silent_service_is_not_waited_for_without_end(service: Service) -> None:
    service.silent = threading.Event()
    patience = Patience(timeout=0.2, tries=1)
    with pytest.raises(ProviderUnavailableError, match="did not answer in time"):
        provider(service, patience=patience).embed(TEXTS)


def test_a_service_that_drips_is_not_waited_for_without_end(service: Service) -> None:
    service.silent = threading.Event()
    service.drips = True
    patience = Patience(timeout=0.3, tries=1)
    with pytest.raises(ProviderUnavailableError, match="did not answer in time"):
        provider(service, patience=patience).embed(TEXTS)
    assert not service.silent.is_set()


def data(*rows: object) -> bytes:
    items = [{"index": at, "embedding": row} for at, row in enumerate(rows)]
    return json.dumps({"data": items}).encode()


RIGHT = [0.5] * 8


@pytest.mark.parametrize("content", [
    b"", b"<html>", b"[" * 100_000, b"null", b"{}", b'{"data": 3}', b'{"data": [{}]}',
    data(RIGHT, RIGHT), data(RIGHT, RIGHT, RIGHT, RIGHT), data(RIGHT, RIGHT, RIGHT[:7]),
    data(RIGHT[:7], RIGHT[:7], RIGHT[:7]), data(RIGHT, RIGHT, [float("nan")] * 8),
    data(RIGHT, RIGHT, ["x"] * 8), data("x", "y", "z"), data(None, None, None),
    data(RIGHT, RIGHT, RIGHT).replace(b'"index": 2', b'"index": 1'),
])  # fmt: skip
def test_an_answer_that_makes_no_sense_is_refused(service: Service, content: bytes) -> None:
    service.instead = [(200, {}, content)]
    with pytest.raises(ProviderRefusedError):
        provider(service).embed(TEXTS)


def test_an_answer_that_breaks_off_is_asked_for_again(service: Service) -> None:
    waits: list[float] = []
    service.instead = [(200, {"Content-Length": "5000"}, b'{"data"')]
    assert provider(service, waits).embed(TEXTS).any()
    assert waits == [0.5]


def test_the_cost_is_told_before_anything_is_sent(service: Service) -> None:
    asked = provider(service, price_per_million=Decimal("0.02"), batch=2)
    cost = asked.cost(["abcdef", "", "abc", "ä"])
    assert (cost.texts, cost.requests, cost.tokens) == (3, 2, 4)
    assert cost.price == Decimal("0.00000008")
    assert provider(service).cost(TEXTS).price is None
    assert service.asked == []


@pytest.mark.parametrize("params", [
    {"base_url": "ftp://x"}, {"base_url": "x"}, {"base_url": "http://[::1"},
    {"base_url": "https://u:p@x/v1"}, {"base_url": "https://x/v1?key=1"},
    {"base_url": "http://x:99999/v1"}, {"base_url": "http://example.com/v1"},
    {"key": "a\nb"}, {"key": "ä"}, {"batch": 51}, {"batch": 0}, {"dimension": 0}, {"model": ""},
])  # fmt: skip
def test_settings_that_cannot_work_are_refused_at_once(params: dict[str, Any]) -> None:
    right = {"base_url": "https://x/v1", "model": "m", "dimension": 8, "key": "k"}
    with pytest.raises(EmbeddingError):
        OpenAIProvider(**{**right, **params})


def test_the_key_is_neither_shown_nor_stored(service: Service) -> None:
    model = provider(service)
    assert "s3cret" not in repr(model)
    assert b"s3cret" not in model.serialise()


def test_a_stored_model_of_another_model_or_width_is_refused(service: Service) -> None:
    stored = provider(service).serialise()
    with pytest.raises(ArtefactError):
        provider(service, model="large-1").restored(stored)
    with pytest.raises(ArtefactError):
        provider(service, dimension=4).restored(stored)
    with pytest.raises(NotFittedError):
        provider(service, centre=None).embed(TEXTS)


def test_providers_are_found_by_name() -> None:
    params = {"base_url": "https://x/v1", "model": "m", "dimension": 8}
    assert provider_named("openai", params, key="k").name == "openai"
    assert provider_named("local", {}).dimension == 128
    for name, wrong in [("other", {}), ("local", {"depth": 1}), ("openai", {**params, "key": "k"})]:
        with pytest.raises(EmbeddingError):
            provider_named(name, wrong)
