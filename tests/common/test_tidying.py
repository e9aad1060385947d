"""What is past its time goes, what is needed stays, and it is said which."""

import importlib
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from celery import current_app
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from crm_project.common import tidying
from crm_project.common.models import Job, RefreshState, StoredResponse
from crm_project.common.services import idempotency
from crm_project.common.services import tidying as service
from crm_project.common.services.tidying import tidy
from crm_project.common.tasks import tidy_nightly
from crm_project.common.tidying import Chore, Cleared
from customers.models import ImportBatch
from tests.factories import ImportBatchFactory, JobFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]

NOW = datetime(2026, 11, 22, 5, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LOGS = (AccessLog, AccessAttempt, AccessFailureLog)


def sessions(number, ends):
    Session.objects.bulk_create(
        Session(session_key=f"{ends:%H%M%S%f}{n}", session_data="", expire_date=ends)
        for n in range(number)
    )


def sign_in(log, at, name="ann"):
    more = {"failures_since_start": 1} if log is AccessAttempt else {}
    made = log.objects.create(username=name, ip_address="192.0.2.7", user_agent=f"{at}", **more)
    log.objects.filter(pk=made.pk).update(attempt_time=at)


def over(at, status="succeeded", **values):
    return JobFactory(status=status, finished_at=at, **values)


def removed(done):
    return {part.chore.what: part.cleared.removed for part in done.parts if part.cleared}


def test_sessions_go_when_they_have_run_out():
    sessions(2, NOW - SECOND)
    sessions(1, NOW)

    assert removed(tidy(now=NOW))["Sessions"] == 2

    assert Session.objects.get().expire_date == NOW


@pytest.mark.parametrize("log", LOGS)
def test_sign_ins_go_after_the_days_of_their_setting(log, settings):
    settings.CRM_KEEP_SIGN_IN_DAYS = 90
    sign_in(log, NOW - timedelta(days=90) - SECOND)
    sign_in(log, NOW - timedelta(days=90), name="bob")

    assert removed(tidy(now=NOW))["Sign-ins"] == 1

    assert log.objects.get().username == "bob"


def test_stored_answers_go_after_a_day_although_nobody_stores_another():
    ages = {"old": timedelta(days=2), "due": timedelta(days=1), "kept": timedelta(days=1) - SECOND}
    for key in ages:
        answer = {"request_digest": "", "status_code": 200, "headers": {}, "body": "{}"}
        idempotency.store(credential="token:1", key=key, **answer)
    for key, age in ages.items():
        StoredResponse.objects.filter(key=key).update(created_at=NOW - age)

    assert removed(tidy(now=NOW))["Stored answers"] == 2

    assert StoredResponse.objects.get().key == "kept"


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_jobs_that_are_over_go_after_the_days_of_their_setting(status, settings):
    settings.CRM_KEEP_JOB_DAYS = 365
    over(NOW - timedelta(days=365) - SECOND, status)
    stays = over(NOW - timedelta(days=365), status)

    assert removed(tidy(now=NOW))["Jobs"] == 1

    assert Job.objects.get() == stays


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_that_is_not_over_stays_however_old_it_is(status):
    JobFactory(status=status, finished_at=NOW - timedelta(days=9999))

    assert removed(tidy(now=NOW))["Jobs"] == 0


def test_an_import_stays_without_its_old_job():
    batch = ImportBatchFactory(job=over(NOW - timedelta(days=400)))

    assert removed(tidy(now=NOW))["Jobs"] == 1

    assert ImportBatch.objects.get(pk=batch.pk).job is None


@pytest.mark.parametrize("rule", [models.PROTECT, models.CASCADE])
def test_a_job_that_another_row_needs_stays(rule, monkeypatch):
    monkeypatch.setattr(ImportBatch._meta.get_field("job").remote_field, "on_delete", rule)
    needed, _ = over(NOW - timedelta(days=400)), over(NOW - timedelta(days=400))
    ImportBatchFactory(job=needed)

    assert removed(tidy(now=NOW))["Jobs"] == 1

    assert Job.objects.get() == needed


def test_zero_days_keep_for_ever(settings):
    settings.CRM_KEEP_SIGN_IN_DAYS = settings.CRM_KEEP_JOB_DAYS = settings.CRM_KEEP_UPLOAD_DAYS = 0
    over(datetime(1999, 1, 1, tzinfo=UTC))
    sign_in(AccessLog, datetime(1999, 1, 1, tzinfo=UTC))

    assert set(removed(tidy(now=NOW))) == {"Sessions", "Stored answers", "Files of exports"}

    assert (Job.objects.count(), AccessLog.objects.count()) == (1, 1)


@pytest.mark.parametrize("days", [-1, 36_501])
def test_days_that_cannot_be_meant_remove_nothing_and_are_refused_at_start(days, settings):
    settings.CRM_KEEP_JOB_DAYS = days
    over(datetime(1999, 1, 1, tzinfo=UTC))
    sessions(1, NOW - SECOND)

    done = tidy(now=NOW)

    assert done.troubles == ("CRM_KEEP_JOB_DAYS is no number of days from 0 to 36,500.",)
    assert (Job.objects.count(), Session.objects.count()) == (1, 0)
    assert [error.id for error in run_checks(tags=["crm"])] == ["crm.E012"]


@pytest.mark.parametrize(("days", "found"), [(89, ["crm.W018"]), (90, []), (0, [])])
def test_sign_ins_that_locks_still_look_for_are_not_removed_unsaid(days, found, settings):
    settings.CRM_KEEP_SIGN_IN_DAYS = days

    assert [error.id for error in run_checks(tags=["crm"])] == found


def test_a_dry_run_counts_the_same_and_changes_nothing():
    sessions(3, NOW - SECOND)
    sign_in(AccessLog, NOW - timedelta(days=91))
    over(NOW - timedelta(days=366))

    planned = tidy(now=NOW, dry_run=True)

    assert (Session.objects.count(), AccessLog.objects.count(), Job.objects.count()) == (3, 1, 1)
    assert not RefreshState.objects.exists()
    assert removed(planned) == removed(tidy(now=NOW))
    assert planned.removed == 5


def test_a_second_time_finds_nothing_left():
    sessions(3, NOW - SECOND)

    assert [tidy(now=NOW).removed, tidy(now=NOW).removed] == [3, 0]


def test_many_rows_go_in_batches_with_few_statements(monkeypatch):
    monkeypatch.setattr(service, "BATCH", 10)
    sessions(35, NOW - SECOND)
    with CaptureQueriesContext(connection) as few:
        tidy(now=NOW)
    sessions(75, NOW - SECOND)
    with CaptureQueriesContext(connection) as more:
        tidy(now=NOW)

    # Four batches more, each of: savepoint, select, delete, release.
    assert len(more) - len(few) == 4 * 4
    assert len(few) < 70
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_holds_is_not_waited_for(in_thread):
    sessions(2, NOW - SECOND)
    held = Session.objects.order_by("session_key").first()

    with transaction.atomic():
        Session.objects.select_for_update().get(pk=held.pk)
        done = in_thread(tidy, now=NOW)()

    assert removed(done)["Sessions"] == 1
    assert Session.objects.get() == held
    assert tidy(now=NOW).removed == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_remove_each_row_once(in_thread, monkeypatch):
    monkeypatch.setattr(service, "BATCH", 7)
    sessions(200, NOW - SECOND)

    both = [in_thread(tidy, now=NOW), in_thread(tidy, now=NOW)]

    assert sum(finish().removed for finish in both) + tidy(now=NOW).removed == 200
    assert not Session.objects.exists()


def test_the_ledger_keeps_what_went_and_what_could_not():
    sessions(3, datetime(2001, 1, 1, tzinfo=UTC))
    tidy_nightly()

    state = RefreshState.objects.get(name="tidying")
    assert (state.rows, state.succeeded) == (3, True)


@pytest.fixture
def stubborn(monkeypatch):
    """One part has trouble; another comes after it."""
    monkeypatch.setattr(tidying, "_chores", {})
    trouble = Cleared(2, "4 older stay.", ("x cannot be removed: Permission denied.",))
    tidying.register(
        Chore("Files", lambda **_: trouble),
        Chore("Rows", lambda **_: Cleared(1234), "CRM_KEEP_JOB_DAYS"),
        Chore("Kept", lambda **_: Cleared(9), "CRM_KEEP_UPLOAD_DAYS"),
    )


def test_trouble_with_one_part_is_told_and_stops_no_other(stubborn):
    done = tidy()

    assert done.removed == 1245
    assert RefreshState.objects.get(name="tidying").error == done.troubles[0]


def run(*arguments):
    out = io.StringIO()
    call_command("tidy", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_went_and_fails_on_trouble(stubborn, settings):
    settings.CRM_KEEP_UPLOAD_DAYS = 0
    out = io.StringIO()

    with pytest.raises(CommandError, match="x cannot be removed: Permission denied"):
        call_command("tidy", stdout=out)

    assert out.getvalue().splitlines() == [
        "Files: 2 removed, older than 0 days. 4 older stay.",
        "Rows: 1,234 removed, older than 365 days.",
        "Kept: kept for ever (CRM_KEEP_UPLOAD_DAYS=0).",
    ]


def test_the_command_says_what_would_go():
    assert run("--dry-run").splitlines() == [
        "Sessions: 0 would go, which had run out.",
        "Sign-ins: 0 would go, older than 90 days.",
        "Stored answers: 0 would go, older than 24 hours.",
        "Jobs: 0 would go, over for more than 365 days.",
        "Files of imports: 0 would go, of imports that were over for more than 30 days.",
        "Files of exports: 0 would go, older than 90 days.",
    ]
    assert not RefreshState.objects.exists()


def test_the_command_prints_json(settings):
    settings.CRM_KEEP_JOB_DAYS = 0
    facts = json.loads(run("--json"))

    assert (facts["dry_run"], facts["removed"]) == (False, 0)
    assert facts["parts"]["Jobs"]["kept_for_ever"] is True
    assert facts["parts"]["Sign-ins"]["days"] == 90


def test_the_schedule_is_made_once_and_taken_away_and_made_again():
    migration = importlib.import_module("crm_project.common.migrations.0010_tidying_schedule")
    current_app.loader.import_default_modules()
    ours = PeriodicTask.objects.filter(name=migration.TIDY)
    migration.install(apps, None)
    ours.update(enabled=False)

    migration.install(apps, None)
    assert (ours.get().enabled, ours.get().task in current_app.tasks) == (False, True)

    migration.remove(apps, None)
    assert not ours.exists()
    migration.install(apps, None)
    assert (ours.get().enabled, ours.get().crontab.hour) == (True, "5")
    assert "tidy --dry-run" in ours.get().description
