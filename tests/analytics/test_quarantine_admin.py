"""Staff look at what was received, and decide about what cannot be stored."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from django.urls import reverse

from analytics import jobs as handlers
from analytics.admin.signal_text import body_text, visible
from analytics.models import QuarantinedEvent, RawEvent, Signal
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import store
from crm_project.common.jobs import JobContext
from crm_project.common.models import Job
from tests.analytics.admin_pages import SUBMITTED, allow, key_of, rows
from tests.analytics.signals import NOW, envelope

pytestmark = pytest.mark.django_db


QUARANTINE = "admin:analytics_quarantinedevent_changelist"


class TestWhatWasReceived:
    def test_a_duplicate_is_in_the_log_and_says_so(self, admin_client):
        store([envelope(message_id="m1")])
        again = envelope(message_id="m1")
        store([again])

        listed = admin_client.get(
            reverse("admin:analytics_rawevent_changelist"), {"outcome": "duplicate"}
        )
        page = admin_client.get(reverse("admin:analytics_rawevent_change", args=[key_of(again)]))

        assert [row.pk for row in rows(listed)] == [key_of(again)]
        assert "was stored before" in page.content.decode()

    def test_it_is_found_by_receipt_message_day_and_token(self, admin_client):
        first = envelope(message_id="m1", token="aaa")
        second = envelope(message_id="m2", token="bbb", at=NOW + timedelta(days=1))
        store([first, second])

        def found(**asked):
            page = admin_client.get(reverse("admin:analytics_rawevent_changelist"), asked)
            return [row.pk for row in rows(page)]

        assert found() == [key_of(second), key_of(first)]
        assert found(q=str(key_of(first))) == found(q="m1") == [key_of(first)]
        assert found(token="crm_bbb_…") == found(token="bbb") == [key_of(second)]
        assert found(received_at_from="2026-11-22") == [key_of(second)]
        assert found(received_at_to="2026-11-21") == [key_of(first)]
        assert found(q=str(uuid4())) == []

    def test_pages_follow_the_key(self, admin_client):
        store([envelope(at=NOW + timedelta(days=n)) for n in range(60)])
        url = reverse("admin:analytics_rawevent_changelist")

        first = admin_client.get(url)
        second = admin_client.get(url + first.context["cl"].paginator.older)

        shown = [row.pk for row in [*rows(first), *rows(second)]]
        assert shown == list(RawEvent.objects.order_by("-id").values_list("pk", flat=True))

    @pytest.mark.parametrize(
        "body",
        [
            b"\xff\xfe\x00 not text",
            b"[" * 20_000,
            b'{"n": ' + b"9" * 6_000 + b"}",
            b'{"half": "\\ud800", "nul": "\\u0000", "turn": "\\u202e"}',
            b"",
            b"NaN",
        ],
        ids=["not UTF-8", "deep", "long number", "half a character", "empty", "NaN"],
    )
    def test_any_bytes_can_be_looked_at(self, admin_client, body):
        one = msgspec.structs.replace(envelope(), body=body)
        quarantine(one, "invalid", "It is no event.")

        for model in ("rawevent", "quarantinedevent"):
            page = reverse(f"admin:analytics_{model}_change", args=[key_of(one)])
            assert admin_client.get(page).status_code == 200
            listed = admin_client.get(reverse(f"admin:analytics_{model}_changelist"))
            assert len(rows(listed)) == 1
        assert body_text(body).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain\ntext", "plain\ntext"),
        ("a\x00b", "a\\x00b"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud800", "\\ud800"),
        ("Zoë 漢字 🍷", "Zoë 漢字 🍷"),
    ],
    ids=["plain", "NUL", "turned around", "half a character", "letters"],
)
def test_what_cannot_be_seen_is_written_out(given, shown):
    assert visible(given) == shown


@pytest.fixture
def poison():
    """Two events in quarantine; the first could be stored now."""
    good = envelope("view", "C1", message_id="m1")
    bad = envelope("view", "C1", message_id="m2", occurred_at="1999-01-01T00:00:00Z")
    quarantine(good, "unknown", "The reason has gone since.")
    quarantine(bad, "too_old", "It happened before 2000.")
    return good, bad


class TestQuarantine:
    def test_open_events_come_first_with_their_reasons_counted(self, admin_client, poison):
        page = admin_client.get(reverse(QUARANTINE))

        assert len(rows(page)) == 2
        assert {(r.code, r.events) for r in page.context["reasons"]} == {
            ("unknown", 1),
            ("too_old", 1),
        }
        assert len(rows(admin_client.get(reverse(QUARANTINE), {"code": "too_old"}))) == 1

    def test_the_selected_ones_are_counted_again_before_a_job_is_written(
        self, admin_client, admin_user, poison
    ):
        data = {
            "action": "replay_selected",
            "_selected_action": [str(key_of(one)) for one in poison],
        }

        asked = admin_client.post(reverse(QUARANTINE), data)
        assert "2 events" in asked.content.decode()
        assert not Job.objects.exists()
        confirmed = {**data, **SUBMITTED, "confirmed": "1", "reason": "the parser is mended"}
        done = admin_client.post(reverse(QUARANTINE), confirmed)

        job = Job.objects.get()
        assert done["Location"] == reverse("admin:common_job_change", args=[job.pk])
        assert job.kind == "replay_quarantine"
        assert set(job.params["ids"]) == {str(key_of(one)) for one in poison}
        assert (job.params["reason"], job.created_by) == ("the parser is mended", admin_user)

    def test_discarding_wants_a_reason(self, admin_client, poison):
        one = str(key_of(poison[1]))
        data = {"action": "discard_selected", "_selected_action": [one], "confirmed": "1"}

        refused = admin_client.post(reverse(QUARANTINE), {**data, **SUBMITTED})
        dialog = reverse("admin:analytics_quarantinedevent_discard", args=[one])
        also_refused = admin_client.post(dialog, SUBMITTED)

        assert refused.context["form"].errors["reason"]
        assert also_refused.context["form"].errors["reason"]
        assert not Job.objects.exists()

    def test_all_of_one_reason_are_fixed_when_somebody_decides(self, admin_client, poison):
        url = reverse("admin:analytics_quarantinedevent_discard_some")
        dialog = admin_client.get(url).content.decode()
        assert "All open events (2)" in dialog
        assert "too_old (1)" in dialog

        admin_client.post(url, {**SUBMITTED, "code": "too_old", "reason": "test data"})

        assert Job.objects.get().params == {"ids": [str(key_of(poison[1]))], "reason": "test data"}

    def test_the_job_stores_what_can_be_stored_and_leaves_the_rest(self, admin_client, poison):
        admin_client.post(reverse("admin:analytics_quarantinedevent_replay_some"), SUBMITTED)
        job = Job.objects.get()

        result = handlers.replay_quarantine_job(JobContext(job, Silent()))

        assert (result["stored"], result["refused"]) == (1, 1)
        assert Signal.objects.get().pk == key_of(poison[0])
        assert QuarantinedEvent.objects.open().get().pk == key_of(poison[1])

    def test_the_job_discards_with_name_and_reason(self, admin_client, admin_user, poison):
        url = reverse("admin:analytics_quarantinedevent_discard", args=[key_of(poison[1])])
        admin_client.post(url, {**SUBMITTED, "reason": "test data"})

        handlers.discard_quarantine_job(JobContext(Job.objects.get(), Silent()))

        event = QuarantinedEvent.objects.get(pk=key_of(poison[1]))
        assert (event.resolution, event.resolved_by) == ("discarded", admin_user.username)
        assert "test data" in event.reason
        page = admin_client.get(reverse("admin:analytics_quarantinedevent_change", args=[event.pk]))
        assert not page.context["actions_detail"]
        assert rows(admin_client.get(reverse(QUARANTINE), {"state": "decided"})) == [event]

    def test_each_action_has_a_permission_of_its_own(self, client, staff_user, poison):
        allow(staff_user, "view_quarantinedevent", "replay_quarantinedevent")
        client.force_login(staff_user)
        one = key_of(poison[0])

        def page(action, *args):
            return reverse(f"admin:analytics_quarantinedevent_{action}", args=args)

        listed = client.get(reverse(QUARANTINE)).content.decode()
        data = {"action": "discard_selected", "_selected_action": [str(one)], "confirmed": "1"}
        client.post(reverse(QUARANTINE), {**data, **SUBMITTED, "reason": "x"})

        assert "Replay open events" in listed
        assert "Discard open events" not in listed
        assert client.post(page("discard", one), SUBMITTED).status_code == 403
        assert client.post(page("discard_some"), SUBMITTED).status_code == 403
        assert not Job.objects.exists()
        assert client.post(page("replay", one), SUBMITTED)["Location"] == reverse(QUARANTINE)
        assert Job.objects.get().kind == "replay_quarantine"

    def test_with_nothing_open_no_job_is_written(self, admin_client):
        admin_client.post(reverse("admin:analytics_quarantinedevent_replay_some"), SUBMITTED)

        assert not Job.objects.exists()


class Silent:
    def report(self, done, total, message):
        pass
