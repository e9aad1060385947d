"""The last steps of the night: popularity, recommendations, their audit, outcomes; and the first
page, the page of freshness and the schedules that tell of them."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from analytics.services.pipeline import resume_pipeline, run_pipeline
from crm_project.common.selectors.freshness import report
from customers.models import Customer
from orders.models import Product
from recommendations.models import RecoAudit, RecoRun
from recommendations.selectors.at_a_glance import at_a_glance
from recommendations.services.configs import activate_config, create_config
from recommendations.services.runs import recommend
from tests.recommendations.run_shop import DAY, everybody_may_be_contacted, small_shop

pytestmark = pytest.mark.django_db

STEPS = ["popularity", "recommendations", "recommendation audit", "outcomes"]


def rows(run):
    return {row.name: row for row in run.steps.all()}


def states():
    return {row.number.step: row.state for row in report()}


def home(client):
    return client.get(reverse("admin:index")).content.decode()


def bad_data():
    """Let a rule of quality stop the next run: nobody has an address, and all must have one."""
    strict = create_config(name="strict", values={"quality": {"MISSING_EMAIL": 0.0}})
    activate_config(config=strict)
    Customer.objects.update(email="")


class TestNight:
    def test_the_steps_follow_one_another_and_each_is_told_as_fresh(self, admin_client):
        small_shop()
        everybody_may_be_contacted()
        assert "Recommendations appear with the first run" in home(admin_client)

        night = run_pipeline(as_of=DAY, only=STEPS)

        done = rows(night)
        assert [row.name for row in night.steps.order_by("position")] == STEPS
        assert {name: row.status for name, row in done.items()} == {
            **dict.fromkeys(STEPS, "succeeded"), "outcomes": "skipped"
        }  # fmt: skip
        assert done["outcomes"].words == "No customer was drawn for a campaign yet."
        run = RecoRun.objects.get()
        assert (run.origin, run.is_current, run.as_of) == ("pipeline", True, DAY)
        assert done["recommendations"].rows == run.counts["items"]
        assert "customers have a list" in done["recommendations"].words
        assert RecoAudit.objects.filter(run=run).count() == run.counts["lists"]
        assert "passed" in run.gate
        assert Product.objects.exclude(popularity=None).exists()
        assert {states()[name] for name in STEPS[:3]} == {"fresh"}

        found = at_a_glance()
        assert (found.lists, found.may_leave) == (run.counts["lists"], run.checks["exportable"])
        text = home(admin_client)
        for words in ('id="offers"', "Waiting for approval", f"{found.lists:,}", "Buy again"):
            assert words in text, words
        pages = admin_client.get(reverse("admin:common_freshness")).content.decode()
        for label in ("Popularity of products", "Recommendations", "Audit of recommendations"):
            assert label in pages, label

    def test_a_day_of_the_past_goes_into_the_history_and_is_audited_as_it_was_then(self):
        small_shop()
        now = recommend(as_of=DAY)
        past = DAY.replace(month=6)
        # A pipeline knows what is current by the RFM scores.
        run_pipeline(as_of=DAY, only=["rfm"])

        night = run_pipeline(as_of=past, only=STEPS)

        assert (night.status, night.make_current) == ("succeeded", False)
        assert "past" in rows(night)["popularity"].words
        assert RecoRun.objects.get(is_current=True) == now
        assert RecoRun.objects.get(as_of=past).checks["audited_at"].startswith("2011-06-02T00:00")


class TestTrouble:
    def test_a_stopped_run_is_told_in_words_and_what_needs_it_is_not_started(self, admin_client):
        small_shop()
        former = recommend(as_of=DAY)
        bad_data()

        night = run_pipeline(as_of=DAY, only=STEPS)

        done = rows(night)
        stopped = RecoRun.objects.get(status="stopped")
        assert (done["recommendations"].status, done["recommendations"].error) == (
            "failed", stopped.error
        )  # fmt: skip
        assert done["recommendation audit"].status == "blocked"
        assert "needs recommendations" in done["recommendation audit"].words
        assert done["outcomes"].status == "skipped"
        assert night.status == "failed"
        assert RecoRun.objects.get(is_current=True) == former
        assert states()["recommendations"] == "failing"
        assert "A newer run did not succeed" in home(admin_client)

        Customer.objects.update(email="a@example.org")
        again = resume_pipeline()

        assert (again.pk, again.status) == (night.pk, "succeeded")
        assert RecoRun.objects.get(is_current=True).pk > stopped.pk
        assert "A newer run did not succeed" not in home(admin_client)

    def test_a_shop_without_customers_needs_none_of_it(self):
        night = run_pipeline(as_of=DAY, only=STEPS)
        done = rows(night)
        assert night.status == "succeeded"
        assert done["recommendations"].words == "There is no customer to recommend to."
        assert done["recommendation audit"].words.startswith("There are no recommendations as of")


def test_the_card_of_the_first_page_needs_its_permission(client, staff_user):
    client.force_login(staff_user)
    assert 'id="offers"' not in home(client)
    staff_user.user_permissions.set([Permission.objects.get(codename="view_recorun")])
    client.force_login(staff_user)
    text = home(client)
    assert 'id="offers"' in text
    assert "when you start them" not in text


def test_beat_runs_the_pipeline_and_the_thinning_by_night():
    found = dict(PeriodicTask.objects.filter(enabled=True).values_list("task", "crontab__hour"))
    assert found["recommendations.tasks.thin_recommendations_nightly"] == "4"
    assert {"recommendations.tasks.backtest_weekly", "analytics.tasks.score_nightly"} <= set(found)
    assert found["recommendations.tasks.thin_recommendations_nightly"] > found[
        "analytics.tasks.score_nightly"
    ]  # fmt: skip
