"""A job's row is the truth: who may take it, what it shows, and how it ends."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from crm_project.common import jobs as kinds
from crm_project.common import tasks
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import Job
from crm_project.common.services import job_runs, jobs
from customers.models import Customer
from tests.factories import CustomerFactory, JobFactory
from tests.waiting import wait_until

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def handle(monkeypatch):
    """Let a function do the jobs of kind `test` for one test."""
    monkeypatch.setattr(kinds, "_kinds", {})
    return lambda handler: kinds.register("test", handler)


def run_sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def set_row(job, **values):
    Job.objects.filter(pk=job.pk).update(**values)


@pytest.mark.django_db
class TestOutcome:
    def test_a_finished_job_keeps_its_result_and_is_done_to_the_end(self, handle):
        def handler(context):
            context.progress(3, 7, "reading")
            return {"rows": context.params["rows"]}

        handle(handler)
        job = job_runs.run(job_id=JobFactory(params={"rows": 7}).pk)

        assert (job.status, job.result, job.attempts) == ("succeeded", {"rows": 7}, 1)
        assert (job.progress_done, job.progress_total, job.message) == (7, 7, "")
        assert job.finished_at is not None

    def test_our_own_errors_are_shown_as_they_are(self, handle):
        def handler(context):
            raise CrmError("The file has no column InvoiceNo.")

        handle(handler)
        job = job_runs.run(job_id=JobFactory().pk)

        assert (job.status, job.error) == ("failed", "The file has no column InvoiceNo.")

    def test_other_errors_name_the_request_and_hide_their_insides(self, handle):
        def handler(context):
            raise ValueError("jane@example.org is already there")

        handle(handler)
        job = job_runs.run(job_id=JobFactory(request_id="req-1").pk)

        assert job.status == "failed"
        assert "req-1" in job.error
        assert "jane" not in job.error

    def test_a_kind_that_nobody_handles_is_refused_at_once(self):
        with pytest.raises(CrmError, match="nonsense"):
            jobs.create_job(kind="nonsense", params={})

    def test_a_failed_job_shows_how_far_it_came(self, handle):
        def handler(context):
            context.progress(3, 7, "reading")
            raise CrmError("The file ends in the middle of a line.")

        handle(handler)
        job = job_runs.run(job_id=JobFactory().pk)

        assert (job.progress_done, job.progress_total, job.message) == (3, 7, "reading")

    def test_more_progress_than_announced_is_not_an_error(self, handle):
        handle(lambda context: context.progress(12, 10, ""))

        job = job_runs.run(job_id=JobFactory().pk)

        assert (job.status, job.progress_done, job.progress_total) == ("succeeded", 12, 12)

    def test_a_lost_database_connection_is_tried_again_after_a_growing_pause(self, handle):
        def handler(context):
            raise OperationalError("gone")

        handle(handler)
        job = job_runs.run(job_id=JobFactory().pk)
        assert (job.status, job.attempts) == ("queued", 1)
        assert job.run_after > timezone.now()

        set_row(job, run_after=timezone.now() - LONG_AGO, attempts=jobs.MAX_ATTEMPTS - 1)
        job = job_runs.run(job_id=job.pk)
        assert job.status == "failed"
        assert str(jobs.MAX_ATTEMPTS) in job.error


@pytest.mark.django_db
class TestEnqueue:
    def test_a_queue_that_is_down_is_no_error_and_the_sweeper_calls_later(
        self, monkeypatch, django_capture_on_commit_callbacks
    ):
        def unreachable(job_id):
            raise BrokerError("connection refused")

        job = JobFactory()
        monkeypatch.setattr(tasks.run_job, "delay", unreachable)
        with django_capture_on_commit_callbacks(execute=True):
            tasks.enqueue(job)

        set_row(job, enqueued_at=timezone.now() - LONG_AGO)
        assert jobs.due_jobs() == [job.pk]

    def test_nobody_is_called_before_the_commit(self, monkeypatch):
        called = []
        monkeypatch.setattr(tasks.run_job, "delay", called.append)

        tasks.enqueue(JobFactory())

        assert called == []


@pytest.mark.django_db
class TestClaim:
    @pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
    def test_a_job_that_is_over_is_not_started(self, status):
        assert jobs.claim_job(job_id=JobFactory(status=status).pk) is None

    def test_a_second_message_finds_nothing_to_do(self):
        job = JobFactory()

        assert jobs.claim_job(job_id=job.pk) is not None
        assert jobs.claim_job(job_id=job.pk) is None

    def test_a_job_whose_worker_fell_silent_is_taken_over(self):
        first = jobs.claim_job(job_id=JobFactory().pk)
        set_row(first, heartbeat_at=timezone.now() - LONG_AGO)

        second = jobs.claim_job(job_id=first.pk)

        assert second.attempts == 2
        assert not jobs.succeed(job=first, result={"by": "first"})
        assert jobs.succeed(job=second, result={"by": "second"})
        second.refresh_from_db()
        assert second.result == {"by": "second"}

    def test_a_pause_after_a_failure_is_kept(self):
        job = JobFactory(run_after=timezone.now() + LONG_AGO)

        assert jobs.claim_job(job_id=job.pk) is None


@pytest.mark.django_db
class TestSweep:
    def test_it_finds_lost_messages_and_dead_workers_only(self):
        old = timezone.now() - LONG_AGO
        never_called = JobFactory(created_at=old)
        lost = JobFactory(enqueued_at=old)
        dead = JobFactory(status="running", heartbeat_at=old)
        JobFactory()
        JobFactory(enqueued_at=timezone.now())
        JobFactory(status="running", heartbeat_at=timezone.now())
        JobFactory(created_at=old, run_after=timezone.now() + LONG_AGO)
        JobFactory(status="succeeded", created_at=old)

        assert set(jobs.due_jobs()) == {never_called.pk, lost.pk, dead.pk}
        assert set(jobs.due_jobs()) == {dead.pk}

    def test_a_job_that_kills_its_workers_fails_in_words(self):
        old = timezone.now() - LONG_AGO
        job = JobFactory(status="running", heartbeat_at=old, attempts=jobs.MAX_ATTEMPTS)

        assert jobs.due_jobs() == []
        job.refresh_from_db()
        assert job.status == "failed"
        assert "killed 5 times" in job.error


@pytest.mark.django_db
class TestCancelAndRetry:
    def test_a_waiting_job_is_cancelled_and_can_be_started_again(self):
        job = jobs.cancel_job(job_id=JobFactory().pk)
        assert job.status == "cancelled"
        assert jobs.claim_job(job_id=job.pk) is None

        again = jobs.retry_job(job_id=job.pk)
        assert (again.status, again.attempts, again.finished_at) == ("queued", 0, None)
        assert jobs.claim_job(job_id=job.pk) is not None

    def test_what_is_over_cannot_be_cancelled_and_what_succeeded_not_repeated(self):
        job = JobFactory(status="succeeded")

        with pytest.raises(ConflictError):
            jobs.cancel_job(job_id=job.pk)
        with pytest.raises(ConflictError):
            jobs.retry_job(job_id=job.pk)


@pytest.mark.django_db(transaction=True)
class TestWhileRunning:
    """With real commits: another connection looks on."""

    def test_progress_is_seen_before_the_work_commits(self, handle, in_thread):
        seen, go_on = threading.Event(), threading.Event()

        @handle
        def handler(context):
            with transaction.atomic():
                CustomerFactory()
                context.progress(5, 10, "half way")
                seen.set()
                assert go_on.wait(20)

        job = JobFactory()
        run = in_thread(job_runs.run, job_id=job.pk)
        assert seen.wait(20)

        wait_until(lambda: Job.objects.get(pk=job.pk).message == "half way")
        assert Job.objects.get(pk=job.pk).progress_done == 5

        go_on.set()
        assert run().status == "succeeded"

    def test_the_heart_beats_while_one_statement_runs(self, handle, in_thread, settings):
        settings.CRM_JOB_SILENT_SECONDS = 3
        handle(lambda context: run_sql("select pg_sleep(60)"))
        job = JobFactory()
        run = in_thread(job_runs.run, job_id=job.pk)
        wait_until(lambda: Job.objects.get(pk=job.pk).heartbeat_at is not None)
        first = Job.objects.get(pk=job.pk).heartbeat_at

        wait_until(lambda: Job.objects.get(pk=job.pk).heartbeat_at > first)

        jobs.cancel_job(job_id=job.pk)
        assert run().status == "cancelled"

    def test_cancelling_ends_a_long_statement_and_rolls_back(self, handle, in_thread):
        @handle
        @transaction.atomic
        def handler(context):
            CustomerFactory(code="half-done")
            run_sql("select pg_sleep(60)")

        job = JobFactory()
        run = in_thread(job_runs.run, job_id=job.pk)
        wait_until(lambda: Job.objects.get(pk=job.pk).status == "running")

        jobs.cancel_job(job_id=job.pk)

        assert run().status == "cancelled"
        assert not Job.objects.get(pk=job.pk).error
        assert not Customer.objects.filter(code="half-done").exists()
