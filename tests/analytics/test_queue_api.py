"""The state of the queue, receipts, and the quarantine, over the API."""

from uuid import UUID

import pytest

from analytics.ingest import chunk
from analytics.ingest.envelope import Envelope
from analytics.services import signal_queue
from analytics.signal_stream import client, key
from tests.api import Api, errors
from tests.signals import a_quarantined_event, new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(settings):
    """An empty queue of the test's own."""
    settings.CRM_QUEUE_PREFIX = f"test:{new_id()}"
    signal_queue.ensure_group()
    yield signal_queue
    for name in client().keys(f"{key()}*"):
        client().delete(name)


def an_envelope(token="", **values):
    id = new_id()
    given = {
        "id": id.bytes,
        "received_at": (id.int >> 80) * 1000,
        "source": "shop",
        "token": token,
        "shape": "signal",
        "hint": "",
        "sent_at": "",
        "body": b'{"event_type": "view", "customer_id": "C1", "signal_data": {}}',
        "may_identify": False,
    }
    return Envelope(**{**given, **values})


class TestQueue:
    def test_it_tells_what_waits(self, api, queue):
        queue.append(chunk.encode([an_envelope(), an_envelope()]), 2)
        a_quarantined_event()

        shown = api.get("queue/stats").json()

        assert (shown["available"], shown["depth"], shown["entries"]) == (True, 2, 1)
        assert shown["quarantined"] == 1
        assert shown["history"][-1]["accepted"] + shown["history"][-2]["accepted"] == 2
        assert len(shown["history"]) == 60

    def test_it_answers_while_the_queue_is_away(self, api, settings):
        settings.CRM_QUEUE_URL = "redis://127.0.0.1:1/0"

        shown = api.get("queue/stats").json()

        assert (shown["available"], shown["durable"], shown["depth"]) == (False, False, 0)
        assert shown["history"] == shown["consumers"] == []


class TestReceipts:
    def test_a_waiting_event_is_queued(self, api, queue):
        envelope = an_envelope(token=api.token.prefix)
        queue.append(chunk.encode([envelope]), 1)

        shown = api.get(f"receipts/{UUID(bytes=envelope.id)}").json()

        assert (shown["status"], shown["stored_at"], shown["signal_id"]) == ("queued", None, None)
        assert set(shown) == {
            *("id", "status", "received_at", "stored_at"),
            *("signal_id", "duplicate_of", "reason"),
        }

    def test_a_token_that_may_only_send_sees_its_own(self, api, queue):
        sender, other = Api("signals:write"), Api("signals:write")
        reader = Api("signals:read")
        envelope = an_envelope(token=sender.token.prefix)
        queue.append(chunk.encode([envelope]), 1)
        path = f"receipts/{UUID(bytes=envelope.id)}"

        answers = [caller.get(path).status_code for caller in (sender, other, reader)]

        assert answers == [200, 404, 200]
        assert api.with_scopes("orders:read").get(path).status_code == 403

    @pytest.mark.parametrize("id", [str(new_id()), "00000000-0000-0000-0000-000000000000", "x"])
    def test_an_id_that_was_never_given_is_404(self, api, queue, id):
        assert api.get(f"receipts/{id}").status_code == 404

    def test_what_cannot_be_known_now_is_503(self, api, settings):
        settings.CRM_QUEUE_URL = "redis://127.0.0.1:1/0"

        response = api.get(f"receipts/{new_id()}")

        assert response.status_code == 503
        assert response["Retry-After"]
        assert errors(response) == {None: "unavailable"}


class TestQuarantine:
    def test_open_events_are_listed_newest_first(self, api, django_assert_num_queries):
        events = [a_quarantined_event() for _ in range(3)]
        a_quarantined_event(resolution="discarded", resolved_at=events[0].received_at)
        api.get("quarantine")

        with django_assert_num_queries(2):  # token, events
            rows = api.get("quarantine").json()["results"]

        assert [row["id"] for row in rows] == sorted((str(e.pk) for e in events), reverse=True)
        assert "body" not in rows[0]
        assert len(api.get("quarantine", {"state": "all"}).json()["results"]) == 4
        assert len(api.get("quarantine", {"state": "discarded"}).json()["results"]) == 1
        assert api.get("quarantine", {"code": "too_deep"}).json()["results"] == []
        assert "state" in errors(api.get("quarantine", {"state": "shut"}))

    def test_one_event_shows_what_was_received(self, api):
        event = a_quarantined_event(body=b'{"a": "\xff"}', resolution="stored",
                                    resolved_at="2026-11-01T00:00:00Z")  # fmt: skip

        assert api.get(f"quarantine/{event.pk}").json()["body"] == '{"a": "\ufffd"}'
        assert api.get(f"quarantine/{new_id()}").status_code == 404

    def test_what_is_decided_is_not_decided_again(self, api):
        event = a_quarantined_event(resolution="discarded", resolved_at="2026-11-01T00:00:00Z")

        for path, body in (("replay", {}), ("discard", {"reason": "x"})):
            response = api.post(f"quarantine/{event.pk}/{path}", body)
            assert response.status_code == 409

    def test_deciding_is_a_right_of_its_own(self, api):
        event = a_quarantined_event()
        reader = api.with_scopes("signals:read", "signals:write")

        assert reader.post(f"quarantine/{event.pk}/replay").status_code == 403
        assert reader.post(f"quarantine/{event.pk}/discard", {"reason": "x"}).status_code == 403
