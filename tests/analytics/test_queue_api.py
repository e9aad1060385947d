"""The state of the queue, receipts, and the quarantine, over the API."""

from uuid import UUID

import pytest

from analytics.services.signal_store import quarantine, store
from crm_project.common.tasks import run_job
from tests.analytics import queued
from tests.api import Api, errors
from tests.signals import a_quarantined_event, new_id

pytestmark = pytest.mark.django_db


class TestQueue:
    def test_it_tells_what_waits(self, api, queue):
        queue.send(queued.envelope(), queued.envelope())
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
        envelope = queued.envelope(token=api.token.prefix)
        queue.send(envelope)

        shown = api.get(f"receipts/{UUID(bytes=envelope.id)}").json()

        assert (shown["status"], shown["stored_at"], shown["signal_id"]) == ("queued", None, None)
        assert set(shown) == {
            *("id", "status", "received_at", "stored_at"),
            *("signal_id", "duplicate_of", "reason"),
        }

    def test_a_token_that_may_only_send_sees_its_own(self, api, queue):
        sender, other = Api("signals:write"), Api("signals:write")
        reader = Api("signals:read")
        envelope = queued.envelope(token=sender.token.prefix)
        queue.send(envelope)
        path = f"receipts/{UUID(bytes=envelope.id)}"

        answers = [caller.get(path).status_code for caller in (sender, other, reader)]

        assert answers == [200, 404, 200]
        assert api.with_scopes("orders:read").get(path).status_code == 403

    def test_a_stored_event_names_its_signal_and_a_repeated_one_the_first(self, api, queue):
        first, again = (queued.envelope(message_id="m1") for _ in range(2))
        store([first, again])

        stored = api.get(f"receipts/{UUID(bytes=first.id)}").json()
        known = api.get(f"receipts/{UUID(bytes=again.id)}").json()

        assert (stored["status"], known["status"]) == ("stored", "duplicate")
        assert known["duplicate_of"] == stored["signal_id"] == stored["id"]
        assert api.get(f"signals/{stored['signal_id']}").json()["message_id"] == "m1"

    def test_an_event_in_quarantine_says_why(self, api, queue):
        envelope = queued.envelope()
        quarantine(envelope, "too_deep", "It is nested too deep.")

        shown = api.get(f"receipts/{UUID(bytes=envelope.id)}").json()

        assert (shown["status"], shown["reason"]) == ("quarantined", "It is nested too deep.")

    @pytest.mark.parametrize(
        "id",
        [str(new_id()), "00000000-0000-0000-0000-000000000000", "x"],
        ids=["of now", "zero", "no id"],
    )
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

    def test_replay_stores_an_event_when_the_reason_is_gone(self, api):
        envelope = queued.envelope()
        quarantine(envelope, "unknown", "A type that was not known then.")
        path = f"quarantine/{UUID(bytes=envelope.id)}"

        shown = api.post(f"{path}/replay").json()

        assert (shown["resolution"], shown["resolved_by"]) == ("stored", api.user.username)
        assert api.get(f"signals/{shown['id']}").status_code == 200
        assert api.post(f"{path}/replay").status_code == 409
        assert api.post(f"{path}/discard", {"reason": "x"}).status_code == 409

    def test_what_is_refused_again_stays_with_the_new_reason(self, api):
        envelope = queued.envelope(body=b'{"event_type": "view"}')
        quarantine(envelope, "unknown", "Not understood.")

        shown = api.post(f"quarantine/{UUID(bytes=envelope.id)}/replay").json()

        assert (shown["resolution"], shown["attempts"]) == ("", 2)
        assert shown["code"] == "missing"

    def test_many_are_tried_again_by_a_job(self, api):
        for code, body in (("old", None), ("old", b'{"event_type": "view"}'), ("new", None)):
            quarantine(queued.envelope(body=body), code, "Not understood then.")

        response = api.post("quarantine/replay", {"code": "old"})

        assert response.status_code == 202
        run_job(response.json()["job"]["id"])
        shown = api.get(response["Location"].partition("/api/v1/")[2]).json()
        assert {name: shown["result"][name] for name in ("looked_at", "stored", "refused")} == {
            "looked_at": 2,
            "stored": 1,
            "refused": 1,
        }
        assert len(api.get("quarantine").json()["results"]) == 2
        assert "ids" in errors(api.post("quarantine/replay", {"ids": []}))

    def test_discarding_needs_a_reason_and_is_told_by_the_receipt(self, api, queue):
        envelope = queued.envelope()
        quarantine(envelope, "unknown", "Not understood.")
        id = UUID(bytes=envelope.id)

        for body, name in (({}, "reason"), ({"reason": " "}, "reason"), ({"why": "x"}, "why")):
            assert name in errors(api.post(f"quarantine/{id}/discard", body))
        shown = api.post(f"quarantine/{id}/discard", {"reason": "a test of the sender"}).json()

        assert shown["resolution"] == "discarded"
        assert api.get(f"receipts/{id}").json()["status"] == "discarded"

    def test_deciding_is_a_right_of_its_own(self, api):
        event = a_quarantined_event()
        reader = api.with_scopes("signals:read", "signals:write")

        assert reader.post(f"quarantine/{event.pk}/replay").status_code == 403
        assert reader.post("quarantine/replay").status_code == 403
        assert reader.post(f"quarantine/{event.pk}/discard", {"reason": "x"}).status_code == 403
