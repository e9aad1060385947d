"""How fresh each number is: what people see, what failed, what is late, what comes next."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from crm_project.common import freshness
from crm_project.common.formats import NOTHING, age
from crm_project.common.freshness import Number
from crm_project.common.selectors.freshness import report
from tests.factories import RefreshStateFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_number(monkeypatch):
    """Watch one nightly number, on a Tuesday morning."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr(freshness, "_numbers", {})
    freshness.register(Number("rfm", "RFM scores", "Segments", task="x.nightly", position=1))


def run(hours_ago, *, minutes=3, day=None, error="", name="rfm", finished=True):
    started = NOW - timedelta(hours=hours_ago)
    return RefreshStateFactory(
        name=name,
        started_at=started,
        finished_at=started + timedelta(minutes=minutes) if finished else None,
        as_of=NOW - timedelta(days=day) if day is not None else None,
        error=error,
        rows=7,
    )


def of(name="rfm"):
    return next(row for row in report() if row.number.step == name)


def test_a_number_that_was_never_computed_is_missing_and_not_stale():
    assert (of().state, of().missing, of().stale, of().age) == ("missing", True, False, None)


def test_a_recent_success_is_fresh():
    newest = run(6)
    assert (of().state, of().newest) == ("fresh", newest)
    assert of().age == timedelta(hours=5, minutes=57)


@pytest.mark.parametrize(("hours", "state"), [(25, "fresh"), (26, "fresh"), (27, "stale")])
def test_a_nightly_number_is_stale_after_26_hours(hours, state):
    run(hours)
    assert of().state == state


def test_a_number_without_a_limit_is_never_stale():
    run(10_000, name="other")
    assert of("other").state == "fresh"
    assert of("other").number.label == "Other"


def test_a_failure_after_the_last_success_is_told_and_the_old_number_stays():
    good = run(20)
    bad = run(2, error="No.")
    assert (of().state, of().newest, of().failure) == ("failing", good, bad)


def test_a_failure_that_was_made_good_is_remembered_and_no_alarm():
    bad = run(20, error="No.")
    run(2)
    assert (of().state, of().failure) == ("fresh", bad)


def test_a_day_of_the_past_that_was_scored_later_is_not_what_people_see():
    seen = run(20, day=0)
    run(2, day=90)
    assert of().newest == seen


def test_a_run_under_way_is_shown_and_one_that_died_is_not():
    run(0.1, finished=False)
    assert of().state == "running"
    run(500, finished=False, name="dead")
    assert "dead" not in {row.number.step for row in report()}


def test_the_next_run_is_that_of_the_earliest_active_schedule():
    def schedule(name, **fields):
        return PeriodicTask.objects.create(name=name, task="x.nightly", **fields)

    night = CrontabSchedule.objects.create(hour="2", minute="30", timezone="UTC")
    morning = CrontabSchedule.objects.create(hour="1", minute="0", timezone="UTC")
    assert of().next_at is None
    schedule("late", crontab=night)
    schedule("off", crontab=morning, enabled=False)
    assert of().next_at == datetime(2026, 3, 11, 2, 30, tzinfo=UTC)


def test_an_interval_is_due_after_its_last_run():
    every = IntervalSchedule.objects.create(every=10, period="minutes")
    last = NOW - timedelta(minutes=4)
    PeriodicTask.objects.create(name="n", task="x.nightly", interval=every, last_run_at=last)
    PeriodicTask.objects.update(last_run_at=last)
    assert of().next_at == NOW + timedelta(minutes=6)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, NOTHING),
        (timedelta(seconds=9), "under a minute"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_ages_are_written_roughly(span, words):
    assert age(span) == words


class TestPage:
    def test_it_names_state_day_and_failure(self, admin_client):
        run(20, error="The disk is full.")
        run(30)
        text = admin_client.get(reverse("admin:common_freshness")).content.decode()
        assert "RFM scores" in text
        assert "The disk is full." in text
        assert "not scheduled" in text
        assert "crm-bad" in text

    def test_the_end_of_a_local_day_is_written_as_that_day(self, admin_client):
        midnight = datetime(2026, 3, 10, tzinfo=timezone.get_current_timezone())
        RefreshStateFactory(name="rfm", as_of=midnight, started_at=NOW, finished_at=NOW)
        text = admin_client.get(reverse("admin:common_freshness")).content.decode()
        assert "9 Mar 2026" in text

    def test_its_queries_do_not_grow(self, admin_client, django_assert_max_num_queries):
        for name in "abcdefgh":
            run(3, name=name)
        admin_client.get(reverse("admin:common_freshness"))
        with django_assert_max_num_queries(12):
            admin_client.get(reverse("admin:common_freshness"))

    def test_it_needs_the_permission_to_see_the_ledger(self, client, staff_user):
        client.force_login(staff_user)
        assert client.get(reverse("admin:common_freshness")).status_code == 403
        staff_user.user_permissions.add(Permission.objects.get(codename="view_refreshstate"))
        assert client.get(reverse("admin:common_freshness")).status_code == 200


def test_prometheus_reads_staleness_failure_and_seconds(client, settings):
    settings.CRM_METRICS_TOKEN = "right"
    run(40)
    run(2, error="No.")
    text = client.get("/metrics", headers={"authorization": "Bearer right"}).content.decode()
    assert 'crm_refresh_stale{name="rfm"} 1.0' in text
    assert 'crm_refresh_failing{name="rfm"} 1.0' in text
    assert 'crm_refresh_missing{name="rfm"} 0.0' in text
    assert 'crm_refresh_seconds{name="rfm"} 180.0' in text
    assert 'crm_refresh_age_seconds{name="rfm"} 143820.0' in text
