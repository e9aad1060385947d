"""A run of the pipeline that was broken off: what is done again, and what is not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.models import PipelineRun, PipelineStep
from analytics.selectors import pipeline as selectors
from analytics.services import pipeline
from analytics.services.pipeline import resume_pipeline, run_or_resume, run_pipeline
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import JobStoppedError
from tests.analytics.pipeline_support import fails, install, outcomes, rows, step
from tests.factories import OrderFactory

pytestmark = pytest.mark.django_db


class TestResume:
    def test_only_what_was_left_undone_is_done(self, monkeypatch):
        done, broken = [], [True]

        def work(name):
            def do(context):
                done.append(name)
                if name == "b" and broken:
                    fails(context)
                return rows(1)

            return do

        steps = [
            step("a", 10, work=work("a"), reads=("orders",)),
            step("b", 20, work=work("b")),
            step("c", 30, work=work("c"), needs=("b",)),
            step("d", 40, work=work("d"), needs=("a",)),
        ]
        install(monkeypatch, *steps)
        first = run_pipeline()
        broken.clear()
        done.clear()

        run = resume_pipeline()

        assert done == ["b", "c"]
        assert (run.pk, run.status, run.attempts) == (first.pk, "succeeded", 2)
        assert [row.attempts for row in run.steps.order_by("position")] == [1, 2, 1, 1]

    def test_a_done_step_is_done_again_when_its_inputs_changed(self, monkeypatch):
        done = []

        def work(name):
            return lambda context: done.append(name) or rows(1)

        install(
            monkeypatch,
            step("a", 10, work=work("a"), reads=("orders",)),
            step("b", 20, work=work("b"), needs=("a",)),
            step("c", 30, work=work("c"), reads=("customers",)),
            step("d", 40, work=work("d"), repeat=True),
            step("e", 50, work=fails),
        )
        customer = OrderFactory().customer
        run_pipeline()
        done.clear()
        OrderFactory(customer=customer)

        resume_pipeline()

        assert done == ["a", "b", "d"]

    @pytest.mark.parametrize("source", ["orders", "customers", "products", "segments"])
    def test_what_steps_read_has_a_fingerprint(self, source):
        until = timezone.now()
        before = selectors.fingerprint((source,), until=until)
        assert before == selectors.fingerprint((source,), until=until)
        OrderFactory(items=1, ordered_at=until - timedelta(days=1))
        changed = before != selectors.fingerprint((source,), until=until)
        assert changed is (source != "segments")

    def test_orders_after_the_day_are_no_input(self):
        until = timezone.now() - timedelta(days=10)
        before = selectors.fingerprint(("orders",), until=until)
        OrderFactory(ordered_at=until + timedelta(seconds=1))
        assert before == selectors.fingerprint(("orders",), until=until)

    def test_there_must_be_something_to_resume(self, monkeypatch):
        install(monkeypatch, step("a", 10))
        with pytest.raises(CrmError, match="no run of the pipeline"):
            resume_pipeline()
        run_pipeline()
        with pytest.raises(CrmError, match="complete; nothing is left"):
            resume_pipeline()

    def test_the_next_night_resumes_a_run_of_its_day_and_else_begins_one(self, monkeypatch):
        install(monkeypatch, step("a", 10, work=fails))
        yesterday = run_pipeline(as_of=timezone.localdate() - timedelta(days=1))
        today = run_or_resume()
        assert today.pk != yesterday.pk
        assert today.origin == "schedule"
        assert run_or_resume().pk == today.pk
        install(monkeypatch, step("a", 10))
        assert run_or_resume().status == "succeeded"
        assert run_or_resume().pk != today.pk

    def test_a_run_whose_process_died_is_noted_and_resumed(self, monkeypatch):
        install(monkeypatch, step("a", 10), step("b", 20))
        dead = PipelineRun.objects.create(as_of=timezone.localdate())
        rows = [("a", "succeeded"), ("b", "running")]
        for place, (name, status) in enumerate(rows):
            PipelineStep.objects.create(run=dead, position=place, name=name, status=status)
        assert selectors.shown_status(dead) == "interrupted"

        run = resume_pipeline()

        assert run.pk == dead.pk
        assert outcomes(run) == {"a": "succeeded", "b": "succeeded"}
        assert [row.attempts for row in run.steps.order_by("position")] == [0, 1]

    def test_a_cancelled_run_says_so_and_can_be_resumed(self, monkeypatch):
        def stop(*news):
            if news[0]:
                raise JobStoppedError

        install(monkeypatch, step("a", 10), step("b", 20))
        with pytest.raises(JobStoppedError):
            run_pipeline(progress=stop)

        run = PipelineRun.objects.get()
        assert (run.status, run.error) == ("interrupted", "It was cancelled.")
        assert outcomes(run) == {"a": "succeeded", "b": "waiting"}
        assert resume_pipeline().status == "succeeded"

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_an_interruption_in_a_step_is_noted_and_passed_on(self, monkeypatch, error):
        def interrupted(context):
            raise error

        install(monkeypatch, step("a", 10, work=interrupted))
        with pytest.raises(error):
            run_pipeline()
        assert PipelineRun.objects.get().status == "interrupted"
        assert PipelineStep.objects.get().status == "interrupted"


def test_the_words_of_a_killed_step_promise_what_holds():
    assert "What was published before stays" in pipeline.KILLED
