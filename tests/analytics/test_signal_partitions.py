"""Partitions: made on demand and ahead, listed, and dropped by whole months."""

import importlib
import io
import json
import threading
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from celery import current_app
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django_celery_beat.models import PeriodicTask

from analytics.models import RawEvent, Signal, SignalReceipt
from analytics.services import signal_store
from analytics.services.signal_partitions import (
    RAW_EVENTS,
    SIGNALS,
    ensure_partitions,
    is_missing_partition,
    keep_partitions,
    partitions,
)
from analytics.services.signal_store import store
from analytics.tasks import keep_signal_partitions
from crm_project.common.models import RefreshState
from tests.analytics.signals import NOW, envelope, micros

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def no_partitions(db):
    """Other tests may have left some."""
    with connection.cursor() as cursor:
        for part in (*partitions(SIGNALS), *partitions(RAW_EVENTS)):
            cursor.execute(f"drop table {part.name}")


def names(table=SIGNALS):
    return [part.name.removeprefix(f"{table}_") for part in partitions(table)]


def run(*arguments):
    out = io.StringIO()
    call_command("signal_partitions", *arguments, stdout=out)
    return out.getvalue()


def at(*moment):
    return datetime(*moment, tzinfo=UTC)


def test_a_partition_is_a_month_and_long_ago_a_year():
    moments = [at(2026, 11, 30, 23, 59, 59), at(2026, 12, 1), at(2019, 12, 31, 23), at(2007, 5, 5)]

    assert ensure_partitions(signals=map(micros, moments), raw_events=[micros(NOW)]) == 5
    assert ensure_partitions(signals=map(micros, moments), raw_events=[micros(NOW)]) == 0

    assert names() == ["2007", "2019", "2026_11", "2026_12"]
    assert names(RAW_EVENTS) == ["2026_11"]
    year, *_, month = partitions(SIGNALS)
    assert (year.starts, year.ends) == (at(2007, 1, 1), at(2008, 1, 1))
    assert (month.starts, month.ends) == (at(2026, 12, 1), at(2027, 1, 1))


def test_the_session_s_time_zone_does_not_move_the_bounds():
    with connection.cursor() as cursor:
        cursor.execute("set local timezone = 'Pacific/Auckland'")
        ensure_partitions(signals=[micros(at(2026, 11, 30, 23, 59))], raw_events=[])
        cursor.execute("set local timezone = 'UTC'")

    assert [(part.starts, part.ends) for part in partitions(SIGNALS)] == [
        (at(2026, 11, 1), at(2026, 12, 1))
    ]


def test_a_partition_has_the_indexes_of_the_whole():
    ensure_partitions(signals=[micros(NOW)], raw_events=[micros(NOW)])
    indexes = {}
    with connection.cursor() as cursor:
        for table in (SIGNALS, RAW_EVENTS, f"{SIGNALS}_2026_11", f"{RAW_EVENTS}_2026_11"):
            cursor.execute(
                "select count(i.inhrelid), count(*) from pg_index as x"
                " left join pg_inherits as i on i.inhrelid = x.indexrelid"
                " where x.indrelid = %s::regclass",
                [table],
            )
            indexes[table] = cursor.fetchone()
    for table in (SIGNALS, RAW_EVENTS):
        attached, found = indexes[f"{table}_2026_11"]
        assert attached == found == indexes[table][1] > 1


def test_next_months_are_made_ahead_and_the_run_is_recorded():
    assert keep_partitions(today=TODAY).made == 8
    assert keep_partitions(today=TODAY).made == 0

    assert names() == names(RAW_EVENTS) == ["2026_11", "2026_12", "2027_01", "2027_02"]
    assert RefreshState.objects.filter(name="signal partitions").first().succeeded


def test_the_planner_learns_about_all_months_together():
    store([envelope(customer=f"C{n}") for n in range(30)])
    keep_partitions()

    with connection.cursor() as cursor:
        cursor.execute(
            "select n_distinct from pg_stats"
            " where tablename = 'analytics_signal' and inherited and attname = 'customer_ref'"
        )
        assert cursor.fetchone() == (-1,)


def test_nothing_is_dropped_unless_a_setting_says_so():
    store([envelope(occurred_at="2005-01-01T00:00:00Z")])

    assert keep_partitions(today=date(2099, 1, 1)).dropped == ()
    assert Signal.objects.count() == 1


def test_whole_months_are_dropped_when_they_are_past_retention(settings):
    settings.CRM_SIGNAL_RETENTION_MONTHS = 2
    settings.CRM_RAW_EVENT_RETENTION_MONTHS = 1
    store([envelope(occurred_at=f"2026-{month}-20T00:00:00Z") for month in ("08", "09", "10")])
    store([envelope(at=at(2026, 9, 30), message_id="m1")])

    kept = keep_partitions(today=TODAY)

    assert kept.dropped == ("analytics_signal_2026_08", "analytics_rawevent_2026_09")
    assert set(Signal.objects.dates("occurred_at", "month")) == {
        date(2026, 9, 1),
        date(2026, 10, 1),
    }
    assert RawEvent.objects.count() == 3
    # What it names is not stored again.
    assert SignalReceipt.objects.count() == 1
    assert store([envelope(message_id="m1")]).duplicate == 1


def test_a_dry_run_only_says_what_would_go(settings):
    settings.CRM_SIGNAL_RETENTION_MONTHS = 1
    store([envelope(occurred_at="2005-01-01T00:00:00Z")])

    assert keep_partitions(today=TODAY, dry_run=True).dropped == ("analytics_signal_2005",)
    assert names() == ["2005"]


def test_a_retention_below_nothing_is_refused_in_words(settings):
    settings.CRM_SIGNAL_RETENTION_MONTHS = -1

    with pytest.raises(CommandError, match="0 keeps everything"):
        run()


@pytest.mark.django_db(transaction=True)
@pytest.mark.owner
def test_a_month_that_somebody_reads_stays_until_the_next_time(settings, in_thread):
    settings.CRM_SIGNAL_RETENTION_MONTHS = 1
    store([envelope(occurred_at="2005-01-01T00:00:00Z")])
    with transaction.atomic():
        assert Signal.objects.count() == 1
        assert in_thread(keep_partitions, today=TODAY)().busy == ("analytics_signal_2005",)

    assert keep_partitions(today=TODAY).dropped == ("analytics_signal_2005",)


def test_a_month_dropped_at_the_wrong_moment_is_made_again(monkeypatch):
    real, calls = signal_store.ensure_partitions, []

    def too_early(**moments):
        calls.append(moments)
        return real(**moments) if len(calls) > 1 else 0

    monkeypatch.setattr(signal_store, "ensure_partitions", too_early)

    assert store([envelope()]).stored == 1
    assert len(calls) == 2


@pytest.mark.parametrize("wrong", [{"score": 2}, {"score": 0, "kind": "shout"}])
def test_a_row_that_a_check_refuses_is_not_taken_for_a_missing_month(wrong):
    ensure_partitions(signals=[micros(NOW)], raw_events=[])
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Signal.objects.create(
            id=uuid4(), occurred_at=NOW, received_at=NOW, customer_ref="C1", event_type="view",
            source="shop", **wrong,
        )  # fmt: skip
    assert not is_missing_partition(caught.value)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("customers_customer", "customers_customer"),
        (SIGNALS, "customers_customer"),
        (SIGNALS, "analytics_signal_2026_11; drop table customers_customer"),
        (SIGNALS, f"analytics_signal_{datetime.now(tz=UTC):%Y_%m}"),
    ],
)
def test_the_function_drops_past_partitions_of_signals_and_nothing_else(table, name):
    keep_partitions()
    statement = "select crm_private.drop_signal_partition(%s, %s)"
    with (
        pytest.raises(DatabaseError, match=r"no past partition|no partitions by month"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, [table, name])


@pytest.mark.owner
def test_the_raw_log_takes_no_changes():
    store([envelope()])
    for change in (
        lambda: RawEvent.objects.update(outcome="duplicate"),
        lambda: RawEvent.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            change()


class TestCommand:
    def test_it_says_what_it_did(self):
        assert "8 partitions made; dropped: none." in run()
        assert json.loads(run("--json")) == {
            "made": 0, "dropped": [], "busy": [], "dry_run": False,
        }  # fmt: skip

    def test_a_dry_run_makes_nothing(self):
        assert run("--dry-run").strip() == "Would be dropped: none."
        assert names() == []

    def test_it_lists_what_there_is(self):
        store([envelope()])
        assert "analytics_signal_2026_11  2026-11-01 to 2026-12-01" in run("--list")
        listed = json.loads(run("--list", "--json"))
        assert [part["name"] for part in listed] == [
            "analytics_signal_2026_11",
            "analytics_rawevent_2026_11",
        ]


def test_the_schedule_calls_a_task_that_exists():
    migration = importlib.import_module("analytics.migrations.0011_signal_schedules")
    migration.install(apps, None)
    current_app.loader.import_default_modules()

    assert PeriodicTask.objects.get(name=migration.PARTITIONS).task in current_app.tasks
    keep_signal_partitions()
    assert len(names()) == 4
    migration.remove(apps, None)
    assert not PeriodicTask.objects.filter(name=migration.PARTITIONS).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.owner
def test_workers_that_need_the_same_new_month_all_get_it(in_thread):
    together = threading.Barrier(4)

    def work():
        together.wait(30)
        return store([envelope(occurred_at=f"2004-0{month}-01T00:00:00Z") for month in (1, 2, 3)])

    finish = [in_thread(work) for _ in range(4)]

    assert sum(done().stored for done in finish) == 12
    assert "2004" in names()
