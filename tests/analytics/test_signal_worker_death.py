"""Kill what stores signals, at any moment: each is stored once, and the queue gets empty.

Real consumers in processes of their own, the tests' real Valkey and PostgreSQL.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import Error as DatabaseError
from django.db import connection

from analytics.models import RawEvent, Signal, SignalReceipt
from analytics.selectors.signal_queue import queue_stats
from crm_project import embedded
from crm_project.embedded import postgres, valkey
from crm_project.embedded.layout import Layout
from crm_project.health import metrics
from tests.analytics.queued import envelope, send
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path, settings, queue):
    """Start a consumer on this test's queue and database; none is left behind."""
    started = []
    environment = {
        **os.environ,
        "CRM_TEST_DATABASE": connection.settings_dict["NAME"],
        "CRM_QUEUE_PREFIX": settings.CRM_QUEUE_PREFIX,
        "PYTHONPATH": str(ROOT),
    }

    def run(*options, die="never"):
        with (tmp_path / f"consumer{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "tests/consumer_app.py", die, *options],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(timeout=20)


def send_many(entries, per_entry=10):
    sent = [envelope() for _ in range(entries * per_entry)]
    for start_at in range(0, len(sent), per_entry):
        send(*sent[start_at : start_at + per_entry])
    return {one.id for one in sent}


def stored():
    return {row.bytes for row in Signal.objects.values_list("id", flat=True)}


def is_empty():
    return queue_stats().available and queue_stats().entries == 0


def assert_all_once(sent):
    assert stored() == sent
    counts = [model.objects.count() for model in (Signal, RawEvent, SignalReceipt)]
    assert counts == [len(sent)] * 3
    assert (queue_stats().depth, queue_stats().bytes) == (0, 0)


@pytest.mark.parametrize("point", ["after-commit", "before-commit"])
def test_one_that_dies_at_the_worst_moment_costs_nothing(start, point):
    sent = send_many(8)
    assert start(die=point).wait(timeout=60) == -signal.SIGKILL
    assert queue_stats().pending > 0
    assert bool(stored()) is (point == "after-commit")

    start()

    wait_until(is_empty)
    assert_all_once(sent)


def test_killed_again_and_again_they_lose_nothing(start):
    sent = set()
    for _ in range(2):
        sent |= send_many(40)
        before = len(stored())
        victim = start()
        wait_until(lambda before=before: len(stored()) > before)
        victim.kill()
        victim.wait(timeout=20)

    start()
    start()

    wait_until(is_empty, seconds=60)
    assert_all_once(sent)


def test_one_that_is_told_to_end_finishes_its_batch_and_leaves_nothing(start):
    sent = send_many(80)
    one = start()
    wait_until(stored)

    one.send_signal(signal.SIGTERM)

    assert one.wait(timeout=30) == 0
    assert queue_stats().pending == 0
    assert queue_stats().consumers == []
    other = start("--drain")
    assert other.wait(timeout=60) == 0
    assert_all_once(sent)


def test_it_survives_the_death_of_both_servers(start):
    sent = send_many(5)
    one = start()
    wait_until(is_empty)
    layout = Layout.of(embedded.crm_home())

    for pid in [*valkey.pids(layout), postgres.postmaster_pid(layout)]:
        os.kill(pid, signal.SIGKILL)
    embedded.ensure_services(postgres=True, valkey=True)
    connection.close()
    wait_until(database_answers, seconds=60)
    sent |= send_many(5)

    wait_until(is_empty, seconds=60)
    assert_all_once(sent)
    assert one.poll() is None


def database_answers():
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        connection.close()
        return False
    return True


def test_without_a_worker_it_grows_and_is_seen_to_and_with_one_it_drains_to_zero(
    start, settings, rf
):
    settings.CRM_METRICS_TOKEN = "secret"
    for waiting in (100, 200, 300):
        sent = send_many(10)
        assert queue_stats().depth == metric(rf, "crm_signal_queue_depth") == waiting
    assert queue_stats().accepted_per_second > 0
    assert metric(rf, "crm_signal_queue_oldest_seconds") > 0
    assert metric(rf, "crm_signal_queue_consumers") == 0

    start()

    wait_until(lambda: metric(rf, "crm_signal_queue_depth") == 0)
    assert metric(rf, "crm_signal_queue_consumers") >= 1
    assert metric(rf, "crm_signals_finished_total") == 300
    assert metric(rf, "crm_signal_queue_oldest_seconds") == 0
    assert sent < stored()
    minutes = queue_stats().history
    assert sum(minute.accepted for minute in minutes) == 300
    assert sum(minute.stored for minute in minutes) == 300
    assert minutes[-1].depth in {0, None}


def metric(rf, name):
    """Read a number as Prometheus does."""
    page = metrics(rf.get("/metrics", headers={"authorization": "Bearer secret"}))
    lines = dict(line.rsplit(" ", 1) for line in page.content.decode().splitlines())
    return float(lines[name])
