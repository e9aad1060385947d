"""The pipeline: the order of its steps, which of them run, and what a failure stops."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.models import PipelineRun
from analytics.services import pipeline_registry as registry
from analytics.services.pipeline import run_pipeline
from crm_project.common.exceptions import CrmError
from tests.analytics.pipeline_support import fails, install, outcomes, rows, step

pytestmark = pytest.mark.django_db


class TestOrder:
    def test_the_steps_are_those_of_the_architecture_in_its_order(self):
        assert registry.names()[: len(registry.OURS)] == list(registry.OURS)
        assert [one.name for one in registry.all_steps()][:9] == list(registry.OURS)

    def test_every_step_needs_and_uses_only_steps_before_it(self):
        steps = registry.all_steps()
        for place, one in enumerate(steps):
            assert {*one.needs, *one.uses} <= {before.name for before in steps[:place]}, one.name

    def test_another_app_can_add_steps_after_ours(self, monkeypatch):
        monkeypatch.setattr(registry, "_steps", dict(registry._steps))

        registry.register(step("offers", 1000, needs=("rfm",)))

        assert registry.names()[-1] == "offers"
        with pytest.raises(ValueError, match="collides"):
            registry.register(step("others", 100))
        with pytest.raises(ValueError, match="collides"):
            registry.register(step("offers", 110))

    def test_steps_run_in_order_and_each_is_recorded(self, monkeypatch):
        done = []
        steps = [
            step(name, place, work=lambda context, name=name: done.append(name) or rows(7))
            for place, name in ((30, "c"), (10, "a"), (20, "b"))
        ]
        install(monkeypatch, *sorted(steps, key=lambda one: one.position))

        run = run_pipeline()

        assert done == ["a", "b", "c"]
        assert run.status == "succeeded"
        assert run.finished_at >= run.started_at
        for row in run.steps.all():
            assert (row.status, row.rows, row.attempts) == ("succeeded", 7, 1)
            assert row.seconds >= 0

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"only": ["c", "a"]}, ["a", "c"]),
            ({"start_at": "b"}, ["b", "c"]),
            ({}, ["a", "b", "c"]),
        ],
    )
    def test_steps_can_be_chosen(self, monkeypatch, asked, found):
        install(monkeypatch, step("a", 10), step("b", 20, needs=("a",)), step("c", 30))
        assert list(outcomes(run_pipeline(**asked))) == found

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"only": ["magic"]}, "There is no step 'magic'. The steps are: totals, rfm"),
            ({"start_at": "magic"}, "There is no step"),
            ({"only": ["rfm"], "start_at": "rfm"}, "not both"),
            ({"as_of": timezone.localdate() + timedelta(days=1)}, "still to come"),
        ],
    )
    def test_what_makes_no_sense_is_refused_in_words(self, asked, words):
        with pytest.raises(CrmError, match=words):
            run_pipeline(**asked)
        assert not PipelineRun.objects.exists()

    def test_progress_only_grows_and_names_the_step(self, monkeypatch):
        def half(context):
            context.progress(1, 2, "Halfway")
            return registry.StepResult()

        install(monkeypatch, step("a", 10, work=half), step("b", 20))
        told = []

        run_pipeline(progress=lambda *news: told.append(news))

        assert told == [
            (0, 200, "A"),
            (50, 200, "A: Halfway"),
            (100, 200, "B"),
        ]


class TestFailure:
    def test_it_stops_what_needs_it_and_nothing_else(self, monkeypatch):
        install(
            monkeypatch,
            step("a", 10, work=fails),
            step("b", 20, needs=("a",)),
            step("c", 30),
            step("d", 40, needs=("b", "c")),
            step("e", 50, needs=("c",), uses=("a",)),
        )

        run = run_pipeline()

        assert outcomes(run) == {
            "a": "failed",
            "b": "blocked",
            "c": "succeeded",
            "d": "blocked",
            "e": "succeeded",
        }
        assert run.status == "failed"
        assert run.error == "Failed: a. Not started because of that: b, d."
        assert run.steps.get(name="a").error == "The step says no."
        assert run.steps.get(name="d").words == "It needs b, which did not succeed."

    def test_a_step_that_nobody_provides_never_passes(self, monkeypatch):
        install(monkeypatch, step("a", 10))
        monkeypatch.setattr(registry, "OURS", ("a", "b"))

        run = run_pipeline()

        assert outcomes(run) == {"a": "succeeded", "b": "failed"}
        assert "not installed" in run.steps.get(name="b").error

    def test_an_unexpected_failure_hides_its_insides(self, monkeypatch):
        def breaks(context):
            raise ValueError("jane@example.org")

        install(monkeypatch, step("a", 10, work=breaks))
        error = run_pipeline().steps.get().error
        assert "ValueError" in error
        assert "jane" not in error

    def test_what_is_not_needed_is_no_failure(self, monkeypatch):
        def idle(context):
            raise registry.StepNotNeededError("Nothing to do.")

        install(monkeypatch, step("a", 10, work=idle), step("b", 20, needs=("a",)))
        run = run_pipeline()
        assert outcomes(run) == {"a": "skipped", "b": "succeeded"}
        assert run.status == "succeeded"
        assert run.steps.get(name="a").words == "Nothing to do."
