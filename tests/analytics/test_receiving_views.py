"""Where Django serves alone, events are taken at the same addresses with the same answers."""

import gzip
import json

import pytest
from django.test import Client

from analytics.services.signal_queue import client
from tests.analytics.receiving import basic, ingest_token, queued

pytestmark = pytest.mark.django_db

SIGNAL = {"event_type": "view", "customer_id": "C1"}


@pytest.fixture(autouse=True)
def queue(settings):
    """A queue of this test's own."""
    settings.CRM_QUEUE_PREFIX = "test:receiving-views"
    server = client()
    yield
    if keys := server.keys("test:receiving-views*"):
        server.delete(*keys)


@pytest.fixture
def secret():
    return ingest_token()[1]


def post(secret, path, body, content_type="application/json", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Authorization": f"Bearer {secret}"} | headers
    return Client().post(path, data, content_type=content_type, headers=named)


def test_a_signal_is_queued_and_its_receipt_returned(secret):
    answer = post(secret, "/api/v1/signals", SIGNAL)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert answer["X-Request-ID"]
    assert [json.loads(envelope.body) for envelope in queued()] == [SIGNAL]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_segment_batch_is_taken_packed_with_a_write_key(secret, slash):
    body = gzip.compress(json.dumps({"batch": [{"type": "page", "userId": "C1"}]}).encode())
    headers = {"Authorization": basic(secret), "Content-Encoding": "gzip"}

    answer = post("", f"/v1/batch{slash}", body, **headers)

    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


def test_listing_signals_is_not_for_those_who_send_them(secret):
    headers = {"Authorization": f"Bearer {secret}"}

    assert Client().get("/api/v1/signals", headers=headers).status_code == 403
    assert Client().get("/v1/track", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "invalid_json"),
        (b" " * 40_000, {}, 413, "too_large"),
        (b'{"event_type": "x"}', {}, 422, "missing"),
        (b"{}", {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        (b"{}", {"Authorization": "Bearer x"}, 401, "invalid_token"),
        (b"{}", {"Authorization": ""}, 401, "not_authenticated"),
    ],
)
def test_what_cannot_be_taken_is_a_problem(secret, body, headers, status, code):
    answer = post(secret, "/api/v1/signals", body, **headers)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["instance"] == answer["X-Request-ID"]
    assert not queued()


def test_a_full_queue_and_an_impatient_sender_are_told_when_to_come_again(secret, settings):
    settings.CRM_QUEUE_MAX_EVENTS = 0
    full = post(secret, "/api/v1/signals", SIGNAL)
    settings.CRM_QUEUE_MAX_EVENTS = 100
    slow = ingest_token(rate="1/min")[1]
    answers = [post(slow, "/api/v1/signals", SIGNAL) for _ in range(2)]

    assert (full.status_code, full["Retry-After"]) == (503, "10")
    assert [answer.status_code for answer in answers] == [202, 429]
    assert int(answers[1]["Retry-After"]) > 50
