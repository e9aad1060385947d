"""Events can be processed again: from quarantine after a repair, or from the raw log."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection

from analytics.models import QuarantinedEvent, RawEvent, Signal
from analytics.selectors.signal_queue import receipt
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_replay import discard, replay_quarantine, replay_raw
from analytics.services.signal_store import store
from tests.analytics.queued import POISON, envelope
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def put_away(*envelopes):
    for one in envelopes:
        quarantine(one, "not_storable", "The database did not take it.")


def lose_signals(envelopes):
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from analytics_signal where id = any(%s)",
            [[UUID(bytes=one.id) for one in envelopes]],
        )


def values_of(event):
    return {
        "received_at": event.received_at,
        "source": event.source,
        "shape": event.shape,
        "body": event.body,
    }


def trouble(sqlstate):
    """Let the database fail as it does when the events are not to blame."""
    with connection.cursor() as cursor:
        cursor.execute(
            "create function pg_temp.trouble() returns trigger language plpgsql as "
            f"$$ begin raise exception 'trouble' using errcode = '{sqlstate}'; end $$; "
            "create trigger trouble before insert on analytics_signal "
            "for each row execute function pg_temp.trouble()"
        )


def where(envelope):
    return receipt(UUID(bytes=envelope.id))


class TestQuarantine:
    def test_what_can_be_stored_now_is_stored_and_closed(self):
        good, bad = envelope(), envelope(body=POISON)
        put_away(good, bad)
        user = UserFactory(username="jane")

        done = replay_quarantine(user=user)

        assert (done.looked_at, done.stored, done.refused) == (2, 1, 1)
        event = QuarantinedEvent.objects.get(id=good.id.hex())
        assert (event.resolution, event.resolved_by) == ("stored", "jane")
        assert Signal.objects.get().id.bytes == good.id

    def test_what_is_refused_again_stays_with_the_new_reason(self):
        bad = envelope(body=POISON)
        put_away(bad)

        replay_quarantine()

        event = QuarantinedEvent.objects.open().get()
        assert (event.code, event.attempts) == ("missing", 2)

    def test_repeating_it_changes_nothing(self):
        put_away(envelope())
        replay_quarantine()

        done = replay_quarantine()

        assert (done.looked_at, Signal.objects.count()) == (0, 1)

    def test_one_whose_twin_was_stored_is_a_duplicate(self):
        first, second = envelope(message_id="m1"), envelope(message_id="m1")
        put_away(second)
        store([first])

        done = replay_quarantine()

        assert (done.duplicate, Signal.objects.count()) == (1, 1)
        assert QuarantinedEvent.objects.get().resolution == "duplicate"

    def test_only_the_chosen_ones_are_tried(self):
        one, other = envelope(), envelope()
        put_away(one, other)

        replay_quarantine(ids=[UUID(bytes=one.id)])

        assert QuarantinedEvent.objects.open().get().id.bytes == other.id

    def test_only_newer_ones_are_tried(self):
        put_away(envelope())

        assert replay_quarantine(since=datetime.now(tz=UTC) + timedelta(hours=1)).looked_at == 0
        assert replay_quarantine(since=datetime.now(tz=UTC) - timedelta(hours=1)).looked_at == 1

    def test_a_dry_run_says_the_same_and_changes_nothing(self):
        put_away(envelope(), envelope(body=POISON))

        done = replay_quarantine(dry_run=True)

        assert (done.stored, done.refused, done.dry_run) == (1, 1, True)
        assert Signal.objects.count() == 0
        assert list(QuarantinedEvent.objects.open().values_list("attempts", flat=True)) == [1, 1]

    def test_it_says_how_far_it_is(self):
        put_away(envelope(), envelope())
        said = []

        replay_quarantine(progress=lambda done, total, words: said.append((done, total)))

        assert said == [(1, 2), (2, 2)]


@pytest.mark.parametrize("sqlstate", ["40P01", "55P03"], ids=["deadlock", "lock time-out"])
class TestTroubleOfTheMachine:
    """It is raised, so that whoever started the replay starts it again; nothing is decided."""

    @pytest.mark.owner
    def test_what_lies_in_quarantine_stays_there_as_it_was(self, sqlstate):
        put_away(envelope())
        before = list(QuarantinedEvent.objects.values())
        trouble(sqlstate)

        with pytest.raises(DatabaseError):
            replay_quarantine()

        assert list(QuarantinedEvent.objects.values()) == before

    @pytest.mark.owner
    def test_what_the_raw_log_has_is_not_counted_as_refused(self, sqlstate):
        sent = [envelope() for _ in range(3)]
        store(sent)
        lose_signals(sent)
        trouble(sqlstate)

        with pytest.raises(DatabaseError):
            replay_raw()

        assert Signal.objects.count() == 0


class TestDiscarding:
    def test_a_discarded_event_is_closed_and_never_stored(self):
        one = envelope()
        put_away(one)

        assert discard(ids=[UUID(bytes=one.id)], reason="A test.", user=UserFactory()) == 1

        assert discard(ids=[UUID(bytes=one.id)], reason="Again.") == 0
        assert replay_quarantine().looked_at == 0
        assert replay_raw().stored == 0
        assert QuarantinedEvent.objects.get().reason.endswith("Discarded: A test.")

    def test_its_bytes_stay_in_the_raw_log(self):
        one = envelope(body=POISON)
        put_away(one)

        discard(ids=[UUID(bytes=one.id)], reason="")

        assert bytes(RawEvent.objects.get().body) == POISON


class TestTheRawLog:
    def test_lost_signals_are_made_again_and_the_others_left_alone(self):
        kept, lost = [envelope(), envelope()], [envelope(), envelope()]
        store([*kept, *lost])
        before = list(Signal.objects.filter(id__in=[one.id.hex() for one in kept]).values())
        lose_signals(lost)

        done = replay_raw()

        assert (done.looked_at, done.stored, done.known) == (4, 2, 2)
        assert list(Signal.objects.filter(id__in=[one.id.hex() for one in kept]).values()) == before
        assert replay_raw().stored == 0

    def test_duplicates_stay_duplicates(self):
        store([envelope(message_id="m1"), envelope(message_id="m1")])

        done = replay_raw()

        assert (done.stored, Signal.objects.count()) == (0, 1)

    def test_it_reads_page_after_page(self, monkeypatch):
        monkeypatch.setattr("analytics.services.signal_replay.PAGE", 3)
        sent = [envelope() for _ in range(8)]
        store(sent)
        lose_signals(sent)

        assert replay_raw().stored == 8

    def test_only_what_was_received_in_time(self):
        sent = [envelope() for _ in range(3)]
        store(sent)
        lose_signals(sent)

        later = datetime.now(tz=UTC) + timedelta(minutes=1)
        assert replay_raw(since=later).looked_at == 0
        assert replay_raw(until=later).looked_at == 3

    def test_what_a_newer_program_cannot_read_is_counted_and_nothing_else(self):
        good, odd = envelope(), envelope(body=POISON)
        put_away(odd)
        event = RawEvent.objects.get()
        QuarantinedEvent.objects.all().delete()
        store([good])
        lose_signals([good])
        # As an older program left it, which could read such events.
        RawEvent(id=uuid4(), **values_of(event), outcome="stored").save(force_insert=True)

        done = replay_raw()

        assert (done.stored, done.refused, QuarantinedEvent.objects.count()) == (1, 1, 0)

    def test_what_was_stored_from_quarantine_is_made_again_too(self):
        one = envelope()
        put_away(one)
        replay_quarantine()
        lose_signals([one])

        assert replay_raw().stored == 1

    def test_a_dry_run_changes_nothing(self):
        sent = [envelope()]
        store(sent)
        lose_signals(sent)

        assert replay_raw(dry_run=True).stored == 1
        assert Signal.objects.count() == 0


class TestTheCommand:
    def test_it_prints_json(self, capsys):
        put_away(envelope())

        call_command("replay_signals", "--quarantine", "--json")

        assert json.loads(capsys.readouterr().out)["stored"] == 1

    def test_it_says_it_in_words(self, capsys):
        store([envelope()])

        call_command("replay_signals", "--since", "2020-01-01", "--dry-run")

        assert capsys.readouterr().out.startswith("Looked at 1: 0 would be stored, 1 known")

    def test_it_asks_what_to_replay(self):
        with pytest.raises(CommandError, match="--quarantine"):
            call_command("replay_signals")


class TestReceipts:
    def test_a_stored_event_has_its_signal(self, queue):
        one = envelope()
        store([one])

        found = where(one)

        assert (found.status, found.signal_id.bytes, found.token) == ("stored", one.id, "abcdef")
        assert found.stored_at is not None

    def test_a_duplicate_names_the_first(self, queue):
        first, second = envelope(message_id="m1"), envelope(message_id="m1")
        store([first, second])

        found = where(second)

        assert (found.status, found.duplicate_of.bytes) == ("duplicate", first.id)

    def test_quarantine_says_why(self, queue):
        one = envelope(body=POISON)
        put_away(one)

        assert (where(one).status, where(one).reason) == (
            "quarantined",
            "The database did not take it.",
        )

    def test_a_replayed_event_is_stored(self, queue):
        one = envelope()
        put_away(one)
        replay_quarantine()

        assert where(one).status == "stored"

    def test_a_discarded_event_is_discarded(self, queue):
        one = envelope()
        put_away(one)
        discard(ids=[UUID(bytes=one.id)], reason="Not ours.")

        assert (where(one).status, "Not ours." in where(one).reason) == ("discarded", True)

    @pytest.mark.owner
    def test_a_signal_outlives_the_log_of_how_it_came(self, queue):
        long_ago = datetime.now(tz=UTC) - timedelta(days=90)
        old = envelope(micros=int(long_ago.timestamp() * 1_000_000))
        store([old])
        with connection.cursor() as cursor:
            cursor.execute("truncate analytics_rawevent")

        assert (where(old).status, where(old).signal_id.bytes) == ("stored", old.id)
        assert where(envelope(micros=int(long_ago.timestamp() * 1_000_000))) is None
