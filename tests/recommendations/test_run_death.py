"""Kill a run of recommendations at its worst moments: nobody notices but the next run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection, transaction

from crm_project.common.exceptions import ConflictError
from crm_project.common.jobs import JobStoppedError
from recommendations.models import RecoItem, RecoRun
from recommendations.services.run_writing import _LOCK, drop
from recommendations.services.runs import recommend
from tests.recommendations.run_shop import DAY, said, small_shop
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stopped(tmp_path):
    """Start the command, and wait until it has stopped itself at a point."""
    started = []

    def run(point):
        environment = {
            **os.environ,
            "CRM_TEST_DATABASE": connection.settings_dict["NAME"],
            "PYTHONPATH": str(ROOT),
        }
        log = tmp_path / "recommend.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "tests/recommend_app.py", point, f"--as-of={DAY}"],
                env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        started.append(process)

        def stands():
            assert process.poll() is None, log.read_text()
            return (
                Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            )

        wait_until(stands)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(timeout=20)


def value(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def tables_of(run):
    return value(
        "select count(*) from pg_class where relkind = 'r' and relname like %s",
        f"recommendations\\_%\\_{run.pk}",
    )


@pytest.mark.slow
@pytest.mark.parametrize("point", ["writing", "published"])
def test_a_run_killed_in_the_middle_holds_up_nobody_and_leaves_nothing(stopped, point):
    small_shop()
    first = recommend(as_of=DAY)
    before = said(first)

    process = stopped(point)
    dead = RecoRun.objects.get(status="running")
    value("select set_config('lock_timeout', '2s', false)")
    assert said(first) == before
    assert not RecoItem.objects.filter(run=dead).exists()
    assert RecoRun.objects.get(is_current=True) == first
    with pytest.raises(ConflictError, match="being made already; try again"):
        recommend(as_of=DAY)
    assert RecoRun.objects.count() == 2

    process.kill()
    process.wait(timeout=20)
    wait_until(lambda: value("select pg_try_advisory_lock(%s)", _LOCK))
    value("select pg_advisory_unlock(%s)", _LOCK)
    assert said(first) == before
    assert RecoRun.objects.get(is_current=True) == first

    again = recommend(as_of=DAY)
    value("select set_config('lock_timeout', '0', false)")

    assert (again.is_current, again.result_hash) == (True, first.result_hash)
    dead.refresh_from_db()
    assert (dead.status, dead.is_current) == ("failed", False)
    assert dead.error == "It was interrupted; nothing of it remained."
    assert (tables_of(dead), tables_of(again)) == (0, 4)


def test_who_is_in_the_middle_of_reading_holds_up_no_run_and_keeps_what_is_read():
    small_shop(customers=6)
    first, second = recommend(as_of=DAY), recommend(as_of=DAY)
    reader = connection.copy()
    try:
        reader.set_autocommit(False)
        with reader.cursor() as cursor:
            ask = "select count(*) from recommendations_recoitem where run_id = %s"
            cursor.execute(ask, [first.pk])
            found = cursor.fetchone()[0]
            value("select set_config('lock_timeout', '2s', false)")

            assert recommend(as_of=DAY).is_current
            with transaction.atomic():
                assert drop(first) is False

            cursor.execute(ask, [first.pk])
            assert cursor.fetchone()[0] == found == second.counts["items"]
    finally:
        reader.close()
    with transaction.atomic():
        assert drop(first) is True
    value("select set_config('lock_timeout', '0', false)")


def test_a_cancelled_run_says_so_and_leaves_the_former_one():
    small_shop(customers=6)
    first = recommend(as_of=DAY)

    def cancel(done, total, message):
        if message == "Recommending":
            raise JobStoppedError("It was cancelled.")

    with pytest.raises(JobStoppedError):
        recommend(as_of=DAY, progress=cancel)

    run = RecoRun.objects.latest("pk")
    assert (run.status, run.is_current) == ("failed", False)
    assert "cancelled" in run.error
    assert (tables_of(run), RecoRun.objects.get(is_current=True)) == (0, first)


def test_tables_that_were_moved_about_give_the_same_bytes():
    small_shop(customers=12)
    first = recommend(as_of=DAY)
    with connection.cursor() as cursor:
        cursor.execute("update orders_orderitem set quantity = quantity where id % 3 = 0")
        cursor.execute("vacuum full orders_orderitem")
        cursor.execute("update orders_order set channel = channel where id % 2 = 0")
        cursor.execute("vacuum full analyze orders_order")
        cursor.execute("cluster customers_customer using customers_customer_code_key")

    again = recommend(as_of=DAY)

    assert (again.result_hash, said(again)) == (first.result_hash, said(first))
    assert again.data_version == first.data_version
