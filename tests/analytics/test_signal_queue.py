"""The queue takes signals durably or says why not, and always knows what waits in it."""

import socket
import uuid
from dataclasses import asdict
from uuid import UUID

import pytest
from prometheus_client.registry import CollectorRegistry

from analytics.ingest import chunk
from analytics.metrics import SignalMetrics
from analytics.selectors.signal_queue import queue_stats, receipt
from analytics.services import signal_queue
from analytics.services.signal_consumer import Consumer, Counts
from analytics.services.signal_queue import QueueFull, QueueNotDurable, QueueUnavailable
from analytics.signal_stream import GROUP, client, key
from tests.analytics.queued import counter, envelope, send, send_each

pytestmark = pytest.mark.django_db


@pytest.fixture
def consumer(queue):
    made = Consumer("one", wait_seconds=0.01)
    made.sign("working")
    yield made
    made.close()


@pytest.fixture
def nowhere(settings, queue):
    """The address of a server that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings.CRM_QUEUE_URL = f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def configuration():
    """Change the server's configuration for one test."""
    server, before = client(), {}

    def change(name, value):
        before.setdefault(name, server.config_get(name)[name])
        server.config_set(name, value)

    yield change
    for name, value in before.items():
        server.config_set(name, value)


class TestAppending:
    def test_what_is_appended_can_be_taken_as_it_was(self, queue, consumer):
        sent = [envelope(), envelope()]

        send(*sent)

        (entry,) = consumer.take(10)
        assert (chunk.decode(entry.chunk), entry.events) == (sent, 2)

    def test_a_full_queue_refuses_and_keeps_what_it_has(self, queue, settings):
        settings.CRM_QUEUE_MAX_EVENTS = 3
        send(envelope(), envelope())

        with pytest.raises(QueueFull):
            send(envelope(), envelope())

        send(envelope())
        assert (client().xlen(key()), counter("accepted")) == (2, 3)

    def test_it_is_full_by_bytes_too(self, queue, settings):
        settings.CRM_QUEUE_MAX_BYTES = 1_000

        with pytest.raises(QueueFull) as refusal:
            send(envelope(body=b"x" * 1_000))

        assert refusal.value.retry_after > 0
        assert counter("bytes") == 0

    def test_finishing_makes_room_again(self, queue, settings, consumer):
        settings.CRM_QUEUE_MAX_EVENTS = 1
        send(envelope())
        consumer.finish(consumer.take(1), Counts(stored=1))

        send(envelope())

        assert (counter("accepted"), counter("done")) == (2, 1)

    def test_counters_that_outlived_their_stream_do_not_block(self, queue, settings):
        settings.CRM_QUEUE_MAX_EVENTS = 2
        send(envelope(), envelope())
        client().delete(key())

        send(envelope())

        assert queue_stats().depth == 1

    def test_a_server_that_forgot_the_script_is_given_it_again(self, queue):
        send(envelope())
        client().script_flush()

        send(envelope())

        assert counter("accepted") == 2

    def test_a_server_that_is_away_is_said_to_be(self, nowhere):
        with pytest.raises(QueueUnavailable):
            send(envelope())

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("appendfsync", "everysec"),
            ("no-appendfsync-on-rewrite", "yes"),
            ("maxmemory-policy", "allkeys-lru"),
        ],
    )
    def test_a_server_that_might_lose_signals_is_refused(self, queue, configuration, name, value):
        configuration(name, value)
        signal_queue._durability.until = 0

        with pytest.raises(QueueNotDurable, match=f"{name} is '{value}'"):
            send(envelope())

        signal_queue._durability.until = 0
        assert not queue_stats().durable

    def test_a_server_restarted_with_a_weak_setting_is_refused_at_once(self, queue, configuration):
        send(envelope())  # from now on it is believed for a while
        configuration("appendfsync", "everysec")
        client().script_flush()  # what a restart forgets

        with pytest.raises(QueueNotDurable):
            send(envelope())

        assert queue_stats().entries == 1

    def test_a_server_that_hides_its_configuration_is_not_believed(self, queue, settings):
        client().execute_command("acl setuser closed on >pass ~* +@all -config")
        settings.CRM_QUEUE_URL = with_user(settings.CRM_QUEUE_URL, "closed", "pass")
        try:
            assert "appendfsync, no-appendfsync-on-rewrite cannot be" in signal_queue.durability()
        finally:
            client().execute_command("acl deluser closed")


def with_user(url, user, password):
    return f"{url}&username={user}&password={password}"


class TestTheGroup:
    def test_it_begins_with_the_very_first_entry(self, queue, consumer):
        send(envelope())

        assert signal_queue.ensure_group()
        assert not signal_queue.ensure_group()
        assert len(consumer.take(10)) == 1

    def test_without_it_nothing_is_lost(self, queue, consumer):
        send_each([envelope(), envelope()])
        taken = consumer.take(1)
        client().xgroup_destroy(key(), GROUP)

        again = consumer.take(10)

        assert {entry.id for entry in taken} < {entry.id for entry in again}
        assert len(again) == 2

    def test_an_emptied_server_is_set_up_again(self, queue, consumer):
        send(envelope())
        consumer.take(1)
        queue.remove_all(key())

        assert (consumer.take(1), consumer.held(), consumer.take_over()) == ([], [], 0)
        send(envelope())
        assert len(consumer.take(1)) == 1

    def test_small_entries_are_gathered_into_one_batch(self, queue, consumer):
        send_each(envelope() for _ in range(30))

        assert len(consumer.take(20)) >= 20

    def test_what_was_taken_is_held_until_it_is_finished(self, queue, consumer):
        send_each([envelope(), envelope()])
        first, second = consumer.take(2)

        consumer.finish([first], Counts(stored=1))

        assert consumer.held() == [second]
        assert client().xlen(key()) == 1

    def test_an_entry_removed_by_hand_is_not_held_for_ever(self, queue, consumer):
        send(envelope())
        (entry,) = consumer.take(1)
        client().xdel(key(), entry.id)

        assert consumer.held() == []
        assert client().xpending(key(), GROUP)["pending"] == 0

    def test_an_entry_finished_twice_counts_once(self, queue, consumer):
        send(envelope())
        taken = consumer.take(1)

        consumer.finish(taken, Counts(stored=1))
        consumer.finish(taken, Counts(stored=1))

        assert (counter("done"), counter("bytes")) == (1, 0)
        assert queue_stats().history[-1].stored == 1

    def test_the_entries_of_the_dead_are_taken_over_and_those_of_the_living_are_not(self, queue):
        send_each([envelope(), envelope()])
        dead, living, heir = (Consumer(name, wait_seconds=0.01) for name in ("a", "b", "c"))
        (left,) = dead.take(1)
        living.sign("working")
        living.take(1)

        assert heir.take_over() == 1
        assert heir.held() == [left]
        assert heir.take_over() == 0
        assert {one.name for one in queue_stats().consumers} == {"b", "c"}

    def test_what_a_living_one_left_lying_is_taken_over_too(self, queue, consumer, monkeypatch):
        send(envelope())
        stuck = Consumer("stuck", wait_seconds=0.01)
        stuck.sign("working")
        left = stuck.take(1)
        assert consumer.take_over() == 0

        monkeypatch.setattr("analytics.services.signal_consumer.IDLE_MILLISECONDS", 0)

        assert consumer.take_over() == 1
        assert consumer.held() == left

    def test_who_leaves_lets_go_of_what_it_holds_and_is_forgotten_when_it_holds_nothing(
        self, queue, consumer
    ):
        send(envelope())
        leaver = Consumer("leaver", wait_seconds=0.01)
        leaver.sign("working")
        leaver.take(1)

        leaver.leave()
        assert "leaver" in {one.name for one in queue_stats().consumers}
        assert consumer.take_over() == 1
        assert "leaver" not in {one.name for one in queue_stats().consumers}


class TestStatistics:
    def test_an_empty_queue_has_nothing_to_tell(self, queue):
        stats = queue_stats()

        assert stats.available
        assert stats.durable
        assert (stats.depth, stats.entries, stats.oldest_waiting_seconds) == (0, 0, 0)
        assert len(stats.history) == 60

    def test_they_show_what_waits_and_who_works(self, queue, consumer):
        send(envelope(), envelope(), envelope())
        consumer.take(1)

        stats = queue_stats()

        assert (stats.depth, stats.entries, stats.pending) == (3, 1, 1)
        assert stats.bytes == counter("bytes") > 0
        assert stats.oldest_waiting_seconds >= 0
        assert stats.accepted_per_second > 0
        (one,) = stats.consumers
        assert (one.name, one.alive, one.state) == ("one", True, "working")
        assert (stats.history[-1].accepted, stats.history[-1].depth) == (3, 3)

    def test_a_queue_that_is_away_is_shown_as_away(self, nowhere):
        stats = queue_stats()

        assert not stats.available
        assert not stats.durable
        assert asdict(stats)["history"] == []

    def test_prometheus_sees_the_same(self, queue, consumer):
        send(envelope(), envelope())
        registry = CollectorRegistry()
        registry.register(SignalMetrics())

        assert registry.get_sample_value("crm_signal_queue_depth") == 2
        assert registry.get_sample_value("crm_signals_accepted_total") == 2
        assert registry.get_sample_value("crm_signals_quarantined") == 0

    def test_prometheus_sees_that_the_queue_is_away(self, nowhere):
        registry = CollectorRegistry()
        registry.register(SignalMetrics())

        assert registry.get_sample_value("crm_signal_queue_up") == 0
        assert registry.get_sample_value("crm_signal_queue_depth") is None


class TestReceiptsOfWhatWaits:
    def test_a_waiting_event_is_found_among_others(self, queue):
        sent = [envelope() for _ in range(50)]
        send_each(sent[:-2])
        send(*sent[-2:])

        for one in (sent[0], sent[17], sent[49]):
            found = receipt(UUID(bytes=one.id))
            assert (found.status, found.token) == ("queued", "abcdef")

    def test_ids_that_nobody_was_given_are_not_known(self, queue):
        send(envelope())

        assert receipt(UUID(bytes=envelope().id)) is None
        assert receipt(uuid.uuid4()) is None

    def test_while_the_queue_is_away_nothing_is_denied(self, nowhere):
        with pytest.raises(QueueUnavailable):
            receipt(UUID(bytes=envelope().id))
