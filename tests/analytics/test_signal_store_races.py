"""Several workers with the same events: each is stored once, and nobody blocks anybody for good."""

import random
import threading
import uuid

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import RawEvent, Signal, SignalReceipt
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_replay import replay_quarantine, replay_raw
from analytics.services.signal_store import Stored, store
from customers.models import Customer
from tests.analytics.signals import envelope, segment
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def total(results):
    results = list(results)
    return {
        name: sum(getattr(result, name) for result in results)
        for name in ("stored", "duplicate", "redelivered")
    }


def keys(rows):
    return {row.id for row in rows}


@pytest.mark.django_db(transaction=True)
def test_workers_with_the_same_envelopes_store_them_once(in_thread):
    batch = [envelope(message_id=f"m{n // 2}" if n % 3 else "") for n in range(600)]
    orders = [random.Random(seed).sample(batch, len(batch)) for seed in range(4)]  # noqa: S311
    together = threading.Barrier(4)

    def work(events):
        together.wait(30)
        return [store(events[start : start + 50]) for start in range(0, len(events), 50)]

    finish = [in_thread(work, events) for events in orders]
    counts = total(result for done in finish for result in done())

    assert sum(counts.values()) == 4 * len(batch)
    assert counts["stored"] + counts["duplicate"] == RawEvent.objects.count() == len(batch)
    assert counts["stored"] == Signal.objects.count() == len(keys(Signal.objects.all()))
    named = Signal.objects.exclude(message_id="")
    assert SignalReceipt.objects.count() == named.count() == len({s.message_id for s in named})


@pytest.mark.django_db(transaction=True)
def test_workers_with_the_same_message_ids_in_other_orders_never_deadlock(in_thread):
    together = threading.Barrier(3)

    def work(seed):
        chance = random.Random(seed)  # noqa: S311
        together.wait(30)
        done = []
        for _ in range(10):
            numbers = chance.sample(range(40), 40)
            done.append(store([envelope(message_id=f"m{n}") for n in numbers]))
        return done

    finish = [in_thread(work, seed) for seed in range(3)]
    counts = total(result for done in finish for result in done())

    assert counts == {"stored": 40, "duplicate": 3 * 400 - 40, "redelivered": 0}
    assert SignalReceipt.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_another_worker_sees_what_it_did(in_thread):
    first, again = envelope(message_id="m1"), envelope(message_id="m1")
    with transaction.atomic():
        store([first])
        finish = in_thread(store, [again, first])
        wait_until(somebody_waits)

    assert finish() == Stored(duplicate=1, redelivered=1)


@pytest.mark.django_db(transaction=True)
def test_when_the_other_worker_fails_who_waited_stores_it(in_thread):
    event = envelope(message_id="m1")

    with transaction.atomic():
        store([event])
        finish = in_thread(store, [event])
        wait_until(somebody_waits)
        transaction.set_rollback(True)

    assert finish() == Stored(stored=1, unresolved=1)
    assert Signal.objects.count() == RawEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_identify_the_same_people_and_make_customers_at_once_all_finish(in_thread):
    together = threading.Barrier(3)

    def identifies(seed):
        chance = random.Random(seed)  # noqa: S311
        together.wait(30)
        for turn in range(6):
            people = chance.sample(range(12), 8)
            store(
                [segment("identify", f"C{n}", traits={"plan": f"{seed}-{turn}"}) for n in people]
                + [segment("alias", f"C{n}", previousId=f"old{n}") for n in people[:3]]
                + [envelope(customer=f"C{n}") for n in people]
            )

    def makes():
        together.wait(30)
        for n in range(12, 30):
            Customer.objects.create(code=f"C{n}")

    for finish in [in_thread(identifies, 1), in_thread(identifies, 2), in_thread(makes)]:
        finish()

    assert Customer.objects.count() == 12 + 18
    assert not Signal.objects.filter(customer__isnull=True).exists()


@pytest.mark.django_db(transaction=True)
def test_two_replays_at_once_store_one_signal(in_thread):
    events = [envelope(message_id=f"m{n}") for n in range(30)]
    for event in events:
        quarantine(event, "strange", "Said to be broken.")
    together = threading.Barrier(2)

    def work(events):
        together.wait(30)
        return store(events, replay=True)

    finish = [in_thread(work, part) for part in (events, events[::-1])]

    assert total(done() for done in finish) == {"stored": 30, "duplicate": 0, "redelivered": 30}
    assert Signal.objects.count() == 30


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_however_events_are_batched_and_sent_again_each_message_is_stored_once(data):
    messages = data.draw(
        st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=12), label="messages"
    )
    events = [envelope(message_id=message) for message in messages]
    batches = data.draw(
        st.lists(st.lists(st.sampled_from(events), min_size=1, max_size=8), min_size=1, max_size=6),
        label="batches",
    )
    with transaction.atomic():
        results = [store(batch) for batch in batches]

        sent = {uuid.UUID(bytes=event.id): event for batch in batches for event in batch}
        counts = total(results)
        assert sum(counts.values()) == sum(map(len, batches))
        assert keys(RawEvent.objects.all()) == set(sent)
        assert counts["stored"] == Signal.objects.count()
        assert counts["duplicate"] == RawEvent.objects.filter(outcome="duplicate").count()
        stored = list(Signal.objects.all())
        assert len({s.message_id or s.id for s in stored}) == len(stored)
        receipts = set(SignalReceipt.objects.values_list("event_id", flat=True))
        assert receipts == {s.id for s in stored if s.message_id}
        assert [r.redelivered for r in (store(batch) for batch in batches)] == list(
            map(len, batches)
        )
        transaction.set_rollback(True)


def somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("select from pg_locks where not granted")
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["quarantine", "raw"])
def test_two_replays_that_make_customers_do_not_wait_for_each_other_for_good(in_thread, kind):
    events = [segment("identify", f"N{n}", traits={"name": "Ada"}) for n in range(60)]
    for event in events:
        quarantine(event, "not_storable", "It could not be stored.")
    halves = [[uuid.UUID(bytes=event.id) for event in events[part::2]] for part in range(2)]
    if kind == "raw":
        store([segment("identify", f"R{n}", traits={"name": "Ada"}) for n in range(60)])
    together = threading.Barrier(2)

    def work(ids):
        together.wait(30)
        return replay_quarantine(ids=ids) if kind == "quarantine" else replay_raw()

    finish = [in_thread(work, ids) for ids in halves]
    done = [finished() for finished in finish]

    if kind == "quarantine":
        assert [replayed.stored for replayed in done] == [30, 30]
        assert Customer.objects.count() == Signal.objects.count() == 60
    else:
        assert [replayed.known for replayed in done] == [60, 60]
