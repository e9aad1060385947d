"""The pipeline: the order of its steps, what a failure stops, and how a dead run is resumed."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from analytics.models import PipelineRun, PipelineStep, RfmRun
from analytics.selectors import pipeline as selectors
from analytics.services import pipeline, pipeline_steps
from analytics.services import pipeline_registry as registry
from analytics.services.pipeline import resume_pipeline, run_or_resume, run_pipeline
from analytics.services.rfm import score_rfm
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import JobStoppedError
from orders.models import CustomerTotals, Order
from orders.services.totals import analyze_orders, check_totals
from tests.analytics.pipeline_support import install, outcomes, step
from tests.analytics.support import shop
from tests.factories import OrderFactory, UserFactory

pytestmark = pytest.mark.django_db

SHOP = {
    "A": [("2011-11-09", "10")],
    "B": [("2011-11-08", "20"), ("2011-10-01", "20")],
    "C": [("2011-09-01", "30")],
}


def fails(context):
    raise CrmError("The step says no.")


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
            step(name, place, work=lambda context, name=name: done.append(name) or _rows(7))
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


def _rows(count):
    return registry.StepResult(rows=count)


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


class TestResume:
    def test_only_what_was_left_undone_is_done(self, monkeypatch):
        done, broken = [], [True]

        def work(name):
            def do(context):
                done.append(name)
                if name == "b" and broken:
                    fails(context)
                return _rows(1)

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
            return lambda context: done.append(name) or _rows(1)

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


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_the_second_is_told_who_runs_since_when(self, monkeypatch, in_thread):
        user = UserFactory(username="vera")
        told = []

        def look(context):
            with pytest.raises(ConflictError) as refused:
                in_thread(run_pipeline)()
            told.append(str(refused.value))
            assert selectors.shown_status(PipelineRun.objects.get()) == "running"
            return _rows(1)

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
                in_thread(_kill_backend, cursor.fetchone()[0])()
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


def _kill_backend(pid):
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s)", [pid])


class TestPast:
    def test_a_day_before_the_current_one_leaves_what_people_see(self):
        shop(SHOP)
        current = score_rfm(as_of=date(2011, 11, 9))

        run = run_pipeline(as_of=date(2011, 10, 15), only=["totals", "rfm", "movement"])

        assert run.make_current is False
        assert outcomes(run)["rfm"] == "succeeded"
        assert RfmRun.objects.get(is_current=True) == current
        assert RfmRun.objects.get(as_of=date(2011, 10, 15)).scored == 2

    def test_a_later_day_takes_the_pointer(self):
        shop(SHOP)
        score_rfm(as_of=date(2011, 10, 15))
        run_pipeline(as_of=date(2011, 11, 9), only=["rfm", "movement"])
        assert RfmRun.objects.get(is_current=True).as_of == date(2011, 11, 9)

    def test_movement_compares_with_the_day_before_it(self):
        shop(SHOP)
        score_rfm(as_of=date(2011, 10, 15))
        run = run_pipeline(as_of=date(2011, 11, 9), only=["rfm", "movement"])
        row = run.steps.get(name="movement")
        assert (row.status, row.words) == ("succeeded", "Compared with 2011-10-15.")
        assert row.rows > 0

    def test_what_describes_the_present_only_is_skipped_for_the_past(self):
        for work in (pipeline_steps.profiles, pipeline_steps.embeddings):
            with pytest.raises(registry.StepNotNeededError, match="present only"):
                work(registry.StepContext(as_of=date(2011, 1, 1), make_current=False))


class TestTotals:
    def test_right_totals_are_left_alone(self):
        shop(SHOP)
        found = check_totals()
        assert (found.customers, found.wrong) == (3, 0)
        assert "3 customers agree" in found.words

    def test_wrong_missing_and_superfluous_totals_are_computed_anew(self):
        people = shop({**SHOP, "D": []})
        right = _totals()
        CustomerTotals.objects.filter(customer=people["A"]).update(sales_total=99)
        CustomerTotals.objects.filter(customer=people["B"]).delete()
        CustomerTotals.objects.create(customer=people["D"], order_count=3, sales_total=5)

        found = check_totals()

        assert found.wrong == 3
        assert "computed anew" in found.words
        assert _totals() == {**right, people["D"].pk: (0, 0, 0, None)}
        assert check_totals().wrong == 0

    def test_parts_cover_everybody_once(self):
        people = shop({f"P{n}": [("2011-11-01", "1")] for n in range(20)})
        parts = [check_totals(part=part, parts=7).customers for part in range(1, 8)]
        assert sum(parts) == len(people)

    def test_without_orders_there_is_nothing_to_compare(self):
        assert not Order.objects.exists()
        assert check_totals().customers == 0


@pytest.mark.django_db(transaction=True)
def test_tables_that_grew_are_analyzed_once():
    shop({f"P{n}": [("2011-11-01", "1")] for n in range(3)})
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
    connection.close()

    assert "orders_order" in {*analyze_orders(), *_analyzed()}
    assert "orders_order" not in analyze_orders()


def _analyzed():
    """Tables with statistics from before: autovacuum may have been quicker."""
    with connection.cursor() as cursor:
        cursor.execute("select relname from pg_class where reltuples >= 0")
        return {name for (name,) in cursor.fetchall()}


def _totals():
    return {
        row.pk: (row.order_count, row.sales_total, row.returns_total, row.first_order_at)
        for row in CustomerTotals.objects.all()
    }


def test_the_words_of_a_killed_step_promise_what_holds():
    assert "What was published before stays" in pipeline.KILLED
