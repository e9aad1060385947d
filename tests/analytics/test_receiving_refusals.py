"""The fast way in: what is not queued is never promised, and its sender is told why."""

import asyncio
import gzip
import json
import time

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.api.receiving import app as receiving_app
from analytics.api.receiving import senders
from analytics.services.signal_endpoints import ENDPOINTS
from analytics.services.signal_queue import client
from crm_project.common.services.tokens import revoke_token
from tests.analytics.receiving import SIGNAL, post, queued, talk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queue")]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/api/v1/signals", b"", {}, 400, "invalid_json"),
        ("/api/v1/signals", b"{", {}, 400, "invalid_json"),
        ("/api/v1/signals", b"[]", {}, 422, "invalid"),
        ("/api/v1/signals", b'{"event_type":"x"}', {}, 422, "missing"),
        ("/api/v1/signals", b" " * 40_000, {}, 413, "too_large"),
        ("/api/v1/signals", b"{}", {"content_type": "text/csv"}, 415, "unsupported_media_type"),
        ("/api/v1/signals", b"{}", {"content_type": None}, 415, "unsupported_media_type"),
        ("/api/v1/signals", b"{}", {"content_encoding": "br"}, 415, "unsupported_encoding"),
        ("/api/v1/signals", b"{}", {"content_encoding": "gzip"}, 400, "invalid_gzip"),
        ("/api/v1/events", b"{}", {}, 415, "unsupported_media_type"),
        ("/api/v1/signals/batch", b"{}", {}, 422, "missing"),
        ("/api/v1/signals/batch", b"[]", {}, 422, "empty"),
        ("/api/v1/signals/batch", b"[" + b"0," * 2500 + b"0]", {}, 413, "too_many"),
        ("/v1/batch", b"nonsense", {}, 400, "invalid_json"),
        ("/v1/batch", b" " * 600_000, {}, 413, "too_large"),
        ("/v1/track", b"nonsense", {}, 400, "invalid_json"),
    ],
)
def test_what_cannot_be_taken_is_answered_with_the_reason(
    secret, path, body, headers, status, code
):
    answer = post(secret, path, body, **({"content_type": "application/json"} | headers))

    assert answer.status == status
    assert list(answer.codes().values()) == [code]
    assert not queued()


def test_a_packed_bomb_is_not_unpacked(secret):
    bomb = gzip.compress(bytes(100_000_000))

    assert post(secret, "/v1/batch", bomb, content_encoding="gzip").status == 413


def test_a_body_in_parts_is_put_together_and_a_hang_up_is_no_event(secret):
    async def both(caller):
        whole = json.dumps(SIGNAL).encode()
        parts = await caller.send("/api/v1/signals", [whole[:10], b"", whole[10:]])
        return parts, await caller.send("/api/v1/signals", [whole[:10], None])

    whole, broken = talk(secret, both)

    assert whole.status == 202
    assert broken is None
    assert len(queued()) == 1


def test_a_body_that_does_not_arrive_is_given_up(secret, monkeypatch):
    monkeypatch.setattr(receiving_app, "BODY_SECONDS", 0.05)

    parts = [b"{", asyncio.sleep(60), b"}"]

    answer = talk(secret, lambda caller: caller.send("/api/v1/signals", parts))

    assert answer.status == 408


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer crm_abc_" + "x" * 43, "Basic ?", "Basic /w==", "Digest x", b"\xff\x00"],
)
def test_a_stranger_is_refused_and_told_how_to_come_back(authorization):
    answer = post("", "/api/v1/signals", SIGNAL, authorization=authorization)

    assert (answer.status, answer.codes()) == (401, {None: "invalid_token"})
    assert "Basic" in answer.headers["www-authenticate"]


def test_a_token_for_reading_cannot_send(issue):
    secret = issue("signals:read")[1]

    answer = post(secret, "/api/v1/signals", SIGNAL)

    assert (answer.status, answer.codes()) == (403, {None: "permission_denied"})


def test_a_token_is_useless_within_a_second_of_its_revocation(issue):
    token, secret = issue()

    def revoke():
        revoke_token(token_id=token.pk)
        connection.close()

    async def revoke_between(caller):
        before = (await caller.post("/api/v1/signals", SIGNAL)).status
        await asyncio.to_thread(revoke)
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.0
        while loop.time() < end:
            await caller.post("/api/v1/signals", SIGNAL)
            await asyncio.sleep(0.02)
        return before, (await caller.post("/api/v1/signals", SIGNAL)).status

    assert talk(secret, revoke_between) == (202, 401)


def test_while_the_database_is_away_known_tokens_go_on_and_others_wait(secret, monkeypatch):
    def away(authorization):
        raise OperationalError

    async def before_and_after(caller):
        before = await caller.post("/api/v1/signals", SIGNAL)
        monkeypatch.setattr(senders, "_find", away)
        # As if the token had been read a while ago.
        monkeypatch.setattr(senders.time, "monotonic", lambda now=time.monotonic: now() + 60)
        known = await caller.post("/api/v1/signals", SIGNAL)
        other = await caller.post("/api/v1/signals", SIGNAL, authorization="Bearer other")
        return before, known, other

    before, known, other = talk(secret, before_and_after)

    assert (before.status, known.status, other.status) == (202, 202, 503)
    assert "retry-after" in other.headers


def test_a_full_queue_takes_nothing_and_says_when_to_come_again(secret, settings):
    settings.CRM_QUEUE_MAX_EVENTS = 2

    answer = post(secret, "/api/v1/signals/batch", [SIGNAL] * 3)

    assert (answer.status, answer.codes()) == (503, {None: "unavailable"})
    assert int(answer.headers["retry-after"]) >= 1
    assert not queued()


def test_without_the_queue_nothing_is_promised(secret, settings, tmp_path):
    settings.CRM_QUEUE_URL = f"unix://{tmp_path}/nobody.sock"

    answer = post(secret, "/api/v1/signals", SIGNAL)

    assert answer.status == 503
    assert "retry-after" in answer.headers


def test_a_queue_that_acknowledges_too_early_gets_nothing(secret):
    client().config_set("appendfsync", "everysec")
    try:
        answer = post(secret, "/api/v1/signals", SIGNAL)
    finally:
        client().config_set("appendfsync", "always")

    assert answer.status == 503
    assert not queued()


def test_a_queue_restarted_with_a_weak_setting_gets_nothing_from_then_on(secret):
    async def around_a_restart(caller):
        first = await caller.post("/api/v1/signals", SIGNAL)
        client().config_set("appendfsync", "everysec")
        client().script_flush()  # what a restart forgets
        return first, await caller.post("/api/v1/signals", SIGNAL)

    try:
        first, second = talk(secret, around_a_restart)
    finally:
        client().config_set("appendfsync", "always")

    assert (first.status, second.status) == (202, 503)
    assert len(queued()) == 1


def test_a_sender_that_is_too_fast_is_told_to_wait(issue):
    secret = issue(rate="10/min")[1]

    async def eleven(caller):
        first = await caller.post("/api/v1/signals/batch", [SIGNAL] * 10)
        return first, await caller.post("/api/v1/signals", SIGNAL)

    first, second = talk(secret, eleven)

    assert first.status == 202
    assert (second.status, second.codes()) == (429, {None: "throttled"})
    assert 1 <= int(second.headers["retry-after"]) <= 7
    assert len(queued()) == 10


def test_strangers_leave_nothing_in_memory(secret):
    async def guess(caller):
        for number in range(20):
            await caller.app._counter.take(f"address:2001:db8::{number}", "120/min", 1)
        return caller.app._counter

    counter = talk(secret, guess)

    assert not counter._shares._left
    assert not counter._locks


def test_a_batch_larger_than_the_rate_passes_when_nothing_was_sent_before(issue):
    secret = issue(rate="10/min")[1]

    async def twice(caller):
        first = await caller.post("/api/v1/signals/batch", [SIGNAL] * 15)
        return first.status, (await caller.post("/api/v1/signals", SIGNAL)).status

    assert talk(secret, twice) == (202, 429)


ADDRESSES = st.sampled_from(sorted(ENDPOINTS))
TYPES = st.sampled_from(
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
patiently = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@patiently
@given(ADDRESSES, TYPES, st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_make_the_server_fail(secret, path, content_type, body):
    answer = post(secret, path, body, content_type)

    assert answer.status in {200, 202, 400, 413, 415, 422}
