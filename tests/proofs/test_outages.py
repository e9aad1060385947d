"""A part is away for a while, or has no room: callers are told so, and nothing is lost."""

import contextlib
import os
import signal

import psycopg
import pytest

from tests.proofs.programs import children
from tests.proofs.sender import SINGLE, Caller, Sender
from tests.proofs.test_chaos import assert_all_is_well
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.slow_proof, pytest.mark.timeout(600)]

SOME = 1_000
EVENT = '{"event_type": "view", "customer_id": "C1"}'


@pytest.fixture
def sending(token):
    """Begin to send to a system; brought to an end whatever happens."""
    senders = []

    def start(system, **options):
        senders.append(Sender(system.port, token, **options).start())
        senders[-1].wait_for(SOME)
        return senders[-1]

    yield start
    for sender in senders:
        sender.stop()


def go_on(sender):
    sender.wait_for(sender.progress() + SOME)


def newest_session(system):
    """Return the process of the session that was last at work; None when there is none yet."""
    with contextlib.suppress(psycopg.OperationalError), system.postgres.connect() as connection:
        found = connection.execute(
            "select pid from pg_stat_activity where backend_type = 'client backend'"
            " and pid <> pg_backend_pid() order by query_start desc limit 1"
        ).fetchone()
        return found and found[0]


class TestAway:
    def test_without_the_database_events_are_taken_and_stored_later(self, crm, sending):
        system = crm()
        sender = sending(system)

        system.postgres.kill_master()
        go_on(sender)
        go_on(sender)
        system.postgres.start()

        assert_all_is_well(system, sender.finish())

    def test_without_the_queue_events_are_refused_soon_and_politely(self, crm, token):
        system = crm()
        caller = Caller(system.port, token)
        assert caller.post(SINGLE, EVENT)[0] == 202

        system.valkey.program.kill()
        statuses = {caller.post(SINGLE, EVENT)[0] for _ in range(5)}
        assert statuses == {503}
        system.valkey.start()
        wait_until(lambda: caller.post(SINGLE, EVENT)[0] == 202)
        caller.close()

        system.wait_until_drained()
        with system.postgres.connect() as connection:
            count = connection.execute("select count(*) from analytics_signal").fetchone()
        assert count == (2,)

    def test_without_consumers_events_wait(self, crm, sending):
        system = crm()
        sender = sending(system)

        system.consumers[0].kill()
        go_on(sender)
        with system.valkey.connect() as client:
            assert client.xlen("crm:signals") > 0
        system.start_consumer()

        assert_all_is_well(system, sender.finish())


class TestNoRoom:
    def test_a_full_disk_of_the_queue_refuses_and_loses_nothing(self, disk, crm, sending):
        full = disk()
        system = crm(valkey_disk=full)
        sender = sending(system)

        full.fill()
        # It ends itself, as it cannot keep what it promises.
        wait_until(lambda: system.valkey.program.ended)
        full.make_room()
        system.valkey.start()
        go_on(sender)

        assert_all_is_well(system, sender.finish())

    def test_a_full_disk_of_the_database_delays_and_loses_nothing(self, disk, crm, sending):
        full = disk()
        system = crm(postgres_disk=full)
        sender = sending(system)

        full.fill()
        for _ in range(5):
            go_on(sender)
        full.make_room()
        if system.postgres.program.ended:
            system.postgres.start()
        go_on(sender)

        assert_all_is_well(system, sender.finish())

    def test_a_full_queue_refuses_until_it_is_emptied(self, crm, sending):
        system = crm(CRM_QUEUE_MAX_EVENTS="5000")
        sender = sending(system)

        system.consumers[0].kill()
        wait_until(lambda: 503 in sender.answers())
        assert system.counters()["accepted"] - system.counters()["done"] <= 5_000
        system.start_consumer()
        go_on(sender)

        assert_all_is_well(system, sender.finish())


class TestDeploying:
    def test_programs_that_are_asked_to_end_finish_what_they_hold(self, crm, sending):
        system = crm(consumers=2)
        sender = sending(system)

        for number in range(4):
            consumer = system.consumers[number % 2]
            # One that is still starting holds nothing, and the signal just ends it.
            consumer.wait_for(consumer.listens)
            assert consumer.stop() == 0
            system.start_consumer(number % 2)
            go_on(sender)
            system.web.stop()
            system.start_web()
            go_on(sender)

        promises = sender.finish()
        assert_all_is_well(system, promises)

    def test_killed_sessions_of_the_database_are_made_again(self, crm, sending):
        system = crm()
        sender = sending(system)

        for _ in range(4):
            # PostgreSQL ends all its sessions when one was killed, and recovers.
            os.kill(wait_until(lambda: newest_session(system)), signal.SIGKILL)
            go_on(sender)

        assert_all_is_well(system, sender.finish())

    def test_a_web_server_whose_worker_was_killed_ends_and_is_started_anew(self, crm, sending):
        system = crm()
        sender = sending(system)

        for pid in children(system.web.pid):
            os.kill(pid, signal.SIGKILL)
        # Not a server without workers that takes connections and never answers.
        wait_until(lambda: system.web.ended)
        system.start_web()
        go_on(sender)

        assert_all_is_well(system, sender.finish())
