"""The worker stores every event once, whatever lies beside it in the queue."""

import threading

import pytest
import redis
from django.db import DataError, OperationalError, connection
from django.db import Error as DatabaseError

from analytics.models import QuarantinedEvent, RawEvent, Signal
from analytics.selectors.signal_queue import queue_stats
from analytics.services import signal_batch
from analytics.services.signal_consumer import Consumer
from analytics.services.signal_split import SystematicFailureError, is_machines_fault
from analytics.services.signal_team import Team
from analytics.services.signal_worker import Worker
from analytics.signal_stream import client, key
from tests.analytics.queued import POISON, envelope, send, send_each
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(queue):
    return Worker(name="one", wait_seconds=0.01)


def run_sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def refuse(condition):
    """Let the database refuse signals, as it would for a value that nobody thought of."""
    run_sql(f"alter table analytics_signal add constraint no_good check (not ({condition}))")


def refuse_no_more():
    run_sql("alter table analytics_signal drop constraint no_good")


def ids(envelopes):
    return {one.id for one in envelopes}


def stored():
    return {row.bytes for row in Signal.objects.values_list("id", flat=True)}


def quarantined():
    return {row.bytes for row in QuarantinedEvent.objects.values_list("id", flat=True)}


def waiting():
    return client().xlen(key())


class TestAStep:
    def test_it_stores_what_waits_and_takes_it_out_of_the_queue(self, worker):
        sent = [envelope() for _ in range(20)]
        send_each(sent)

        while worker.step():
            pass

        assert stored() == ids(sent)
        assert (waiting(), queue_stats().depth, worker.done.stored) == (0, 0, 20)
        assert queue_stats().history[-1].stored == 20

    def test_an_event_sent_twice_is_stored_once(self, worker):
        first, second = envelope(message_id="m1"), envelope(message_id="m1")
        send(first, second)

        worker.step()

        assert stored() == {first.id}
        assert RawEvent.objects.get(id=second.id.hex()).outcome == "duplicate"
        assert (worker.done.stored, worker.done.duplicate) == (1, 1)

    def test_an_entry_that_came_twice_is_stored_once(self, worker):
        one = envelope(message_id="")
        send(one)
        send(one)

        while worker.step():
            pass

        assert Signal.objects.count() == RawEvent.objects.count() == 1
        assert waiting() == 0

    def test_an_empty_queue_is_no_work(self, worker):
        assert worker.step() == 0


class TestPoison:
    @pytest.mark.parametrize("body", [POISON, b"{", b"[]", b'{"event_type": "view"}', b"\xff"])
    def test_what_cannot_be_read_is_put_away_and_the_rest_is_stored(self, worker, body):
        good = [envelope() for _ in range(9)]
        bad = envelope(body=body)
        send(*good[:4], bad, *good[4:])

        worker.step()

        assert (stored(), quarantined(), waiting()) == (ids(good), {bad.id}, 0)
        event = QuarantinedEvent.objects.get()
        assert event.code
        assert event.reason
        assert bytes(event.body) == body

    def test_many_unreadable_events_do_not_stop_it(self, worker, settings):
        settings.CRM_QUARANTINE_IN_A_ROW = 2
        bad = [envelope(body=POISON) for _ in range(30)]
        good = [envelope() for _ in range(30)]
        send(*(one for pair in zip(bad, good, strict=True) for one in pair))

        worker.step()

        assert (stored(), quarantined()) == (ids(good), ids(bad))

    def test_a_batchs_own_time_cannot_stop_it_either(self, worker, settings):
        settings.CRM_QUARANTINE_IN_A_ROW = 2
        bad = [envelope(sent_at="\0") for _ in range(4)]
        send(*bad)

        worker.step()

        assert (quarantined(), waiting()) == (ids(bad), 0)

    @pytest.mark.owner
    def test_what_the_database_refuses_is_found_among_the_others(self, worker):
        refuse("customer_ref = 'unlucky'")
        good = [envelope() for _ in range(37)]
        bad = [envelope("unlucky"), envelope("unlucky")]
        send(*good[:5], bad[0], *good[5:20], bad[1], *good[20:])

        worker.step()

        assert (stored(), quarantined(), waiting()) == (ids(good), ids(bad), 0)
        assert set(QuarantinedEvent.objects.values_list("code", flat=True)) == {"not_storable"}

    @pytest.mark.owner
    def test_the_reason_names_no_values(self, worker):
        refuse("customer_ref = 'jane@example.org'")
        send(envelope("jane@example.org"))

        worker.step()

        assert "jane" not in QuarantinedEvent.objects.get().reason

    def test_an_entry_that_is_no_chunk_is_kept_as_it_is(self, worker, queue):
        fields = {"c": b"\x00 no chunk", "n": 1}
        client().xadd(key(), fields)
        send(envelope())

        while worker.step():
            pass

        event = QuarantinedEvent.objects.get()
        assert (event.code, bytes(event.body)) == ("unreadable", fields["c"])
        assert (Signal.objects.count(), waiting()) == (1, 0)

    @pytest.mark.owner
    def test_when_every_event_is_refused_it_stops_and_says_so(self, worker, settings):
        worker._split.most_in_a_row = 3
        refuse("true")
        sent = [envelope() for _ in range(10)]
        send(*sent)

        for _ in range(3):
            with pytest.raises(SystematicFailureError, match="4 events in a row"):
                worker.step()

        assert (QuarantinedEvent.objects.count(), waiting()) == (0, 1)
        refuse_no_more()
        worker.step()
        assert (stored(), waiting()) == (ids(sent), 0)

    @pytest.mark.owner
    def test_it_also_counts_those_that_come_one_by_one(self, worker):
        worker._split.most_in_a_row = 3
        refuse("true")
        for _ in range(3):
            send(envelope())
            worker.step()

        send(envelope())
        with pytest.raises(SystematicFailureError):
            worker.step()

        assert (QuarantinedEvent.objects.count(), waiting()) == (3, 1)

    def test_a_mistake_in_the_program_is_found_like_poison(self, worker, monkeypatch):
        sent = [envelope() for _ in range(9)]
        parse = signal_batch.parse

        def mistaken(one):
            if one.id == sent[4].id:
                raise ZeroDivisionError
            return parse(one)

        monkeypatch.setattr(signal_batch, "parse", mistaken)
        send(*sent)

        worker.step()

        assert (len(stored()), quarantined()) == (8, {sent[4].id})

    def test_what_the_driver_refuses_without_a_code_is_poison_too(self):
        assert not is_machines_fault(DataError("cannot dump NUL"))
        assert is_machines_fault(OperationalError("the connection is closed"))

    @pytest.mark.owner
    def test_refusals_with_successes_between_them_do_not_stop_it(self, worker):
        worker._split.most_in_a_row = 2
        refuse("customer_ref = 'unlucky'")
        send(*(envelope("unlucky" if n % 2 else "C1") for n in range(20)))

        worker.step()

        assert (len(stored()), len(quarantined())) == (10, 10)


class TestTroubleOfTheMachine:
    @pytest.mark.parametrize(
        "sqlstate",
        ["40P01", "53100", "55P03", "57014", "57P01", "42P01", "XX000"],
        ids=["deadlock", "disk full", "lock", "cancelled", "shutdown", "no table", "internal"],
    )
    @pytest.mark.owner
    def test_it_quarantines_nothing_and_tries_again(self, worker, sqlstate):
        run_sql(
            "create function pg_temp.trouble() returns trigger language plpgsql as "
            f"$$ begin raise exception 'trouble' using errcode = '{sqlstate}'; end $$; "
            "create trigger trouble before insert on analytics_signalreceipt "
            "execute function pg_temp.trouble()"
        )
        sent = [envelope(), envelope(body=POISON)]
        send(*sent)

        for _ in range(3):
            with pytest.raises(DatabaseError):
                worker.step()

        assert Signal.objects.count() == 0
        assert waiting() == 1
        run_sql("drop trigger trouble on analytics_signalreceipt")
        worker.step()
        assert (len(stored()), len(quarantined()), waiting()) == (1, 1, 0)

    @pytest.mark.owner
    def test_a_missing_table_quarantines_nothing(self, worker):
        run_sql("alter table analytics_signalreceipt rename to away")
        send(envelope())

        with pytest.raises(DatabaseError):
            worker.step()

        run_sql("alter table away rename to analytics_signalreceipt")
        worker.step()
        assert (len(stored()), len(quarantined())) == (1, 0)


class TestTakingOver:
    def test_what_a_dead_worker_held_is_stored_first(self, worker):
        sent = [envelope(), envelope()]
        send_each(sent)
        dead = Consumer("dead", wait_seconds=0.01)
        assert len(dead.take(1)) == 1

        worker.step()

        assert stored() == {sent[0].id}
        worker.step()
        assert (stored(), waiting()) == (ids(sent), 0)

    def test_what_was_stored_but_not_acknowledged_is_not_stored_again(self, worker):
        sent = envelope(message_id="")
        send(sent)
        worker._consumer.sign("working")
        worker._process(worker._consumer.take(1))

        Worker(name="two", wait_seconds=0.01).step()
        assert waiting() == 1  # its holder lives
        client().delete(key("consumer:one"))
        Worker(name="three", wait_seconds=0.01).step()

        assert (Signal.objects.count(), RawEvent.objects.count(), waiting()) == (1, 1, 0)
        assert queue_stats().depth == 0


class TestSignsOfLife:
    def test_a_loop_that_stands_still_gives_none(self, worker, monkeypatch, tmp_path):
        monkeypatch.setattr("analytics.services.signal_worker.STUCK_SECONDS", -1.0)
        worker.alive_file = tmp_path / "alive"
        worker._ended.wait = lambda seconds: worker._ended.set()

        worker._keep_signing()

        assert not client().exists(key("consumer:one"))
        assert not worker.alive_file.exists()


@pytest.mark.django_db(transaction=True)
class TestRunning:
    """With threads and connections as in the process."""

    def test_several_threads_drain_the_queue_together(self, queue):
        sent = [envelope() for _ in range(600)]
        for start in range(0, 600, 20):
            send(*sent[start : start + 20])

        done = Team(threads=3, batch_events=40, wait_seconds=0.05).run(drain=True)

        assert (stored(), done.stored, waiting()) == (ids(sent), 600, 0)
        assert queue_stats().consumers == []

    def test_once_is_one_batch(self, queue):
        send_each(envelope() for _ in range(4))

        done = Team(batch_events=1, wait_seconds=0.05).run(once=True)

        assert (done.stored, waiting()) == (1, 3)

    def test_entries_whose_way_here_was_cut_are_stored_at_once(self, queue, monkeypatch):
        send_each(envelope() for _ in range(3))
        ask, cut = Consumer._ask_for, iter([True])

        def ask_with_a_cut(*arguments):
            answer = ask(*arguments)
            if answer and next(cut, False):
                raise redis.ConnectionError("cut")
            return answer

        monkeypatch.setattr(Consumer, "_ask_for", ask_with_a_cut)

        done = Team(wait_seconds=0.05).run(drain=True)

        assert (done.stored, waiting()) == (3, 0)

    def test_it_ends_when_asked_and_leaves_nothing_behind(self, queue, tmp_path):
        alive = tmp_path / "alive"
        team = Team(alive_file=alive, wait_seconds=0.05)
        running = threading.Thread(target=team.run)
        running.start()
        wait_until(lambda: queue_stats().consumers and alive.exists())

        team.stop()

        running.join(timeout=20)
        assert not running.is_alive()
        assert queue_stats().consumers == []

    @pytest.mark.owner
    def test_one_that_cannot_go_on_ends_the_others_and_is_heard(self, queue, settings):
        settings.CRM_QUARANTINE_IN_A_ROW = 1
        refuse("true")
        try:
            send_each(envelope() for _ in range(4))
            with pytest.raises(SystematicFailureError):
                Team(threads=2, wait_seconds=0.05).run()
        finally:
            refuse_no_more()

        assert Team(threads=2, wait_seconds=0.05).run(drain=True).quarantined == 0
        assert Signal.objects.count() + QuarantinedEvent.objects.count() == 4

    @pytest.mark.owner
    def test_it_waits_for_a_table_that_is_missing(self, queue):
        run_sql("alter table analytics_signalreceipt rename to away")
        try:
            send(envelope())
            team = Team(wait_seconds=0.05)
            running = threading.Thread(target=team.run, kwargs={"drain": True})
            running.start()
            wait_until(lambda: [one.state for one in queue_stats().consumers] == ["waiting"])
        finally:
            run_sql("alter table away rename to analytics_signalreceipt")

        running.join(timeout=30)
        assert (Signal.objects.count(), waiting()) == (1, 0)
