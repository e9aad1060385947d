"""Many at once: the same events, the same customers, the same months, several consumers."""

import json
import random
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.proofs.sender import BATCH, SEGMENT, Caller

pytestmark = [pytest.mark.slow, pytest.mark.slow_proof, pytest.mark.timeout(600)]

CONSUMERS = 3


def in_parallel(*works):
    """Run functions in threads; raise the first one's error."""
    errors = []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
        assert not thread.is_alive()
    for error in errors:
        raise error


def post(system, token, path, bodies):
    caller = Caller(system.port, token)
    for body in bodies:
        status, answer = caller.post(path, json.dumps(body))
        assert status in {200, 202}, answer
        assert not answer["rejected"], answer
    caller.close()


def one(system, query):
    with system.postgres.connect() as connection:
        return connection.execute(query).fetchone()


def parts(things, size):
    return [things[at : at + size] for at in range(0, len(things), size)]


def assert_consumers_had_no_errors(system):
    """Whatever they met, they tried again; nothing was put aside and nothing was deadlocked."""
    assert one(system, "select count(*) from analytics_quarantinedevent") == (0,)
    assert "Traceback" not in system.logs()
    assert "deadlock" not in (system.postgres.folder / "postgres.log").read_text()
    assert set(system.stop()) == {0}


def test_the_same_events_from_many_callers_at_once_are_stored_once(crm, token):
    system = crm(consumers=CONSUMERS)
    callers, names = 8, [f"m{n}" for n in range(1_500)]

    def send(seed):
        chance = random.Random(seed)
        mine = chance.sample(names, len(names))
        events = [
            {"event_type": "view", "customer_id": "C1", "message_id": name, "signal_data": {}}
            for name in mine
        ]
        post(system, token, BATCH, parts(events, chance.randint(20, 200)))

    in_parallel(*(lambda seed=seed: send(seed) for seed in range(callers)))
    system.wait_until_drained()

    assert one(system, "select count(*), count(distinct message_id) from analytics_signal") == (
        1_500,
        1_500,
    )
    assert one(system, "select count(*) from analytics_signalreceipt") == (1_500,)
    assert one(system, "select count(*) from analytics_rawevent where outcome = 'duplicate'") == (
        (callers - 1) * 1_500,
    )
    assert_consumers_had_no_errors(system)


def test_customers_who_come_while_their_signals_come_are_all_linked(crm, token):
    system = crm(consumers=CONSUMERS)
    known, from_traits = 600, 200

    def send_signals(seed):
        chance = random.Random(seed)
        events = [
            {"event_type": "view", "customer_id": f"{kind}{chance.randrange(known)}"}
            for _ in range(4_000)
            for kind in ("copied", "alias")
        ]
        post(system, token, BATCH, parts(events, 100))

    def identify():
        events = [
            {"type": kind, "userId": f"traits{n}", "traits": {"name": f"N {n}"}, "event": "x"}
            for n in range(from_traits)
            for kind in ("track", "identify", "track")
        ]
        post(system, token, SEGMENT, [{"batch": part} for part in parts(events, 30)])

    def import_customers():
        """As an import does: COPY, in transactions of different lengths, with aliases."""
        chance = random.Random(5)
        numbers = list(range(known))
        with system.postgres.connect() as connection:
            while numbers:
                some, numbers = numbers[:30], numbers[30:]
                with connection.transaction():
                    insert(connection, some)
                    connection.execute("select pg_sleep(%s)", [0.1 * chance.random()])

    def insert(connection, some):
        into = "copy customers_customer (code, name, email, phone, language, country, created_at,"
        columns = f"{into} updated_at) from stdin"
        with connection.cursor().copy(columns) as copy:
            now = datetime.now(UTC)
            for n in some:
                copy.write_row((f"copied{n}", "", "", "", "", "", now, now))
        connection.execute(
            "insert into customers_customeralias (code, customer_id, reason, created_at)"
            " select 'alias' || substr(code, 7), id, '', now() from customers_customer"
            " where code = any(%s)",
            [[f"copied{n}" for n in some]],
        )

    in_parallel(
        *(lambda seed=seed: send_signals(seed) for seed in range(3)), identify, import_customers
    )
    system.wait_until_drained()

    assert one(system, "select count(*) from customers_customer where code like 'traits%'") == (
        from_traits,
    )
    assert one(system, "select count(*) from analytics_signal") == (3 * 8_000 + 3 * from_traits,)
    assert one(system, "select count(*) from analytics_signal where customer_id is null") == (0,)
    assert one(
        system,
        "select count(*) from analytics_signal s left join customers_customer c"
        " on c.id = s.customer_id left join customers_customeralias a on a.customer_id = c.id"
        " where c.code is distinct from s.customer_ref and a.code is distinct from s.customer_ref",
    ) == (0,)
    assert_consumers_had_no_errors(system)


def test_events_of_a_quarter_of_a_century_find_their_partitions(crm, token):
    system = crm(consumers=CONSUMERS)
    chance = random.Random(3)
    first, days = datetime(2000, 1, 2, tzinfo=UTC), 9_400

    def event(n):
        at = first + timedelta(days=chance.randrange(days), seconds=n)
        return {"event_type": "view", "customer_id": f"C{n}", "occurred_at": at.isoformat()}

    batches = parts([event(n) for n in range(12_000)], 100)

    def read():
        for _ in range(20):
            assert system.get("/api/v1/signals?limit=5", token)[0] == 200

    in_parallel(
        *(lambda mine=mine: post(system, token, BATCH, mine) for mine in parts(batches, 30)), read
    )
    system.wait_until_drained()

    assert one(system, "select count(*) from analytics_signal") == (12_000,)
    assert_consumers_had_no_errors(system)
