"""Two runs of the pipeline at once, and one whose connection is cut: the lock is held and freed."""

import pytest
from django.db import connection
from django.utils import timezone

from analytics.models import PipelineRun
from analytics.selectors import pipeline as selectors
from analytics.services.pipeline import resume_pipeline, run_pipeline
from crm_project.common.exceptions import ConflictError
from tests.analytics.pipeline_support import install, rows, step
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def kill_backend(pid):
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s)", [pid])


class TestTwoAtOnce:
    def test_the_second_is_told_who_runs_since_when(self, monkeypatch, in_thread):
        user = UserFactory(username="vera")
        told = []

        def look(context):
            with pytest.raises(ConflictError) as refused:
                in_thread(run_pipeline)()
            told.append(str(refused.value))
            assert selectors.shown_status(PipelineRun.objects.get()) == "running"
            return rows(1)

        install(monkeypatch, step("a", 10, work=look))
        run = run_pipeline(user=user)

        since = timezone.localtime(run.started_at)
        day = timezone.localdate()
        assert told == [
            f"The pipeline is being run as of {day} by vera, since {since:%Y-%m-%d %H:%M},"
            f" now at the step a (run {run.pk})."
        ]
        assert PipelineRun.objects.count() == 1
        assert selectors.at_work() is None
        install(monkeypatch, step("a", 10))
        assert in_thread(run_pipeline)().status == "succeeded"  # the lock was free again
        assert not selectors.somebody_is_at_work()

    def test_a_lost_connection_ends_the_run_and_frees_the_lock(self, monkeypatch, in_thread):
        def lose(context):
            with connection.cursor() as cursor:
                cursor.execute("select pg_backend_pid()")
                in_thread(kill_backend, cursor.fetchone()[0])()
                cursor.execute("select 1")

        install(monkeypatch, step("a", 10, work=lose))
        with pytest.raises(Exception, match=r"terminating|connection"):
            run_pipeline()
        connection.close()

        assert not selectors.somebody_is_at_work()
        run = PipelineRun.objects.get()
        assert selectors.shown_status(run) == "interrupted"
        install(monkeypatch, step("a", 10))
        assert resume_pipeline().pk == run.pk
