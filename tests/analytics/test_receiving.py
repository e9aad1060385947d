"""The fast way in: what is promised is queued before its sender hears of it."""

import asyncio
import gzip
import json
import uuid

import pytest

from analytics.api.receiving import counts
from analytics.ingest import limits
from analytics.services.signal_queue import client
from analytics.signal_stream import key
from tests.analytics.receiving import SIGNAL, basic, post, queued, talk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queue")]

TRACK = {"type": "track", "userId": "C1", "event": "View"}
CLOUD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "view", "subject": "C1"}


def test_a_signal_is_queued_before_its_sender_gets_the_receipt(secret):
    answer = post(secret, "/api/v1/signals", SIGNAL | {"message_id": "m1"}, x_request_id="r-1")

    assert answer.status == 202
    [envelope] = queued()
    found = answer.json()
    assert found["accepted"] == 1
    assert found["receipts"] == [
        {
            "index": 0,
            "status": "accepted",
            "id": str(uuid.UUID(bytes=envelope.id)),
            "message_id": "m1",
        }
    ]
    assert (envelope.source, envelope.shape, envelope.may_identify) == ("shop", "signal", False)
    assert json.loads(envelope.body) == SIGNAL | {"message_id": "m1"}
    assert answer.headers["x-request-id"] == "r-1"


def test_one_bad_event_does_not_sink_its_batch(secret):
    bad = b'{"event_type": "view", "customer_id": "\\ud800", "message_id": "bad"}'
    good = json.dumps(SIGNAL).encode()

    answer = post(secret, "/api/v1/signals/batch", b'{"signals": [%s, %s]}' % (bad, good))

    assert answer.status == 202
    found = answer.json()
    assert found["accepted"] == 1
    assert [one["status"] for one in found["receipts"]] == ["rejected", "accepted"]
    assert [(one["index"], one["code"]) for one in found["rejected"]] == [(0, "not_storable")]
    assert [envelope.body for envelope in queued()] == [good]


def test_a_batch_without_any_good_event_is_refused_as_a_whole(secret):
    answer = post(secret, "/api/v1/signals/batch", [{}, {"event_type": "x"}])

    assert answer.status == 422
    assert answer.codes() == {"0.event_type": "missing", "1.customer_id": "missing"}
    assert not queued()


def test_a_repeated_message_id_is_called_a_duplicate_and_queued_all_the_same(secret):
    async def twice(caller):
        body = [SIGNAL | {"message_id": "m1"}, SIGNAL | {"message_id": "m2"}]
        first = await caller.post("/api/v1/signals/batch", [*body, body[0]])
        return first.json(), (await caller.post("/api/v1/signals", body[1])).json()

    first, second = talk(secret, twice)

    assert (first["accepted"], first["duplicate"]) == (2, 1)
    assert (second["accepted"], second["duplicate"]) == (0, 1)
    assert len(queued()) == 4


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/batch/"])
def test_a_segment_batch_is_packed_and_its_refused_events_are_kept_for_quarantine(secret, path):
    body = {"batch": [TRACK, {"type": "track"}], "sentAt": "2026-01-31T12:00:00Z"}
    packed = gzip.compress(json.dumps(body).encode())

    answer = post(None, path, packed, authorization=basic(secret), content_encoding="gzip")

    assert answer.status == 200
    assert [one["status"] for one in answer.json()["receipts"]] == ["accepted", "rejected"]
    assert {envelope.sent_at for envelope in queued()} == {"2026-01-31T12:00:00Z"}
    assert len(queued()) == 2


@pytest.mark.parametrize("kind", ["track", "identify", "alias", "group", "page", "screen"])
def test_each_segment_kind_has_its_address(secret, kind):
    answer = post(secret, f"/v1/{kind}", {"userId": "C1", "event": "View", "previousId": "a"})

    assert (answer.status, answer.json()["accepted"]) == (200, 1)
    assert queued()[0].hint == kind


def test_cloudevents_come_alone_or_as_a_list(secret):
    alone = post(secret, "/api/v1/events", CLOUD, "application/cloudevents+json; charset=utf-8")
    many = post(secret, "/api/v1/events", [CLOUD], "application/cloudevents-batch+json")

    assert (alone.status, many.status) == (202, 202)
    assert [envelope.shape for envelope in queued()] == ["cloudevent"] * 2


def test_a_token_that_may_change_customers_marks_its_events(issue):
    secret = issue("signals:write", "customers:write")[1]

    post(secret, "/v1/identify", {"userId": "C1"})

    assert queued()[0].may_identify


def test_concurrent_requests_share_chunks_and_each_gets_its_own_receipt(secret):
    async def many(caller):
        bodies = [SIGNAL | {"message_id": f"m{number}"} for number in range(300)]
        return await asyncio.gather(*(caller.post("/api/v1/signals", body) for body in bodies))

    answers = talk(secret, many)

    receipts = {
        answer.json()["receipts"][0]["message_id"]: answer.json()["receipts"][0]["id"]
        for answer in answers
    }
    stored = {
        json.loads(envelope.body)["message_id"]: str(uuid.UUID(bytes=envelope.id))
        for envelope in queued()
    }
    assert receipts == stored
    assert len(stored) == 300
    assert client().xlen(key()) < 100


def test_large_events_do_not_come_in_large_chunks(secret):
    # A worker holds many chunks at once: their size bounds its memory.
    large = {**SIGNAL, "signal_data": {"text": "x" * 30_000}}

    async def at_once(caller):
        batch = {"signals": [large] * 15}
        return await asyncio.gather(
            *(caller.post("/api/v1/signals/batch", batch) for _ in range(20))
        )

    answers = talk(secret, at_once)

    assert {answer.status for answer in answers} == {202}
    sizes = [len(fields[b"c"]) for _, fields in client().xrange(key())]
    assert max(sizes) < 1_500_000


def test_requests_are_counted_by_address_and_status(secret):
    def counted(status):
        return counts.REQUESTS.labels("signals", status)._value.get()

    before = counted("202"), counted("422")
    post(secret, "/api/v1/signals", SIGNAL)
    post(secret, "/api/v1/signals", {"event_type": "x"})

    assert (counted("202"), counted("422")) == (before[0] + 1, before[1] + 1)


def test_a_body_of_the_largest_size_is_taken(secret):
    padding = "x" * (limits.EVENT_BYTES - len(json.dumps(SIGNAL | {"signal_data": {"a": ""}})))

    answer = post(secret, "/api/v1/signals", SIGNAL | {"signal_data": {"a": padding}})

    assert answer.status == 202
