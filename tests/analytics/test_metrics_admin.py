"""The pages of the predictions: what they say, to whom, and with how many questions."""

from datetime import date

import pytest
from django.urls import reverse

from crm_project.common import jobs
from crm_project.common.models import Job
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow
from tests.analytics.pages_data import BACK_TEST, metrics_run

pytestmark = pytest.mark.django_db
LIST = "admin:analytics_metricsrun_changelist"


def page_of(run, **asked):
    return reverse("admin:analytics_metricsrun_change", args=[run.pk]), asked


class TestTheRun:
    def test_it_says_which_model_was_chosen_by_what_and_what_is_wrong(self, admin_client):
        url, _ = page_of(metrics_run())

        text = admin_client.get(url).content.decode()

        assert "Purchase within 30 days: Logistic regression" in text
        assert "guessing the base rate 0.540" in text
        assert "BG/NBD is degenerate on these orders" in text
        assert "crm-note crm-warn" in text
        assert "degenerate: not used" in text
        assert "BG/NBD: The fit is degenerate. (12 Jul 2011, 11 Aug 2011, 10 Sep 2011)" in text

    def test_it_opens_with_the_newest_earlier_day_and_shows_the_one_asked_for(self, admin_client):
        url, _ = page_of(metrics_run())

        newest = admin_client.get(url).context["shown"].horizons
        asked = admin_client.get(url, {"origin_30": "2011-07-12"}).context["shown"].horizons

        assert [horizon.origin for horizon in newest] == ["2011-09-10", "2011-09-10"]
        assert [horizon.origin for horizon in asked] == ["2011-07-12", "2011-09-10"]
        assert asked[0].compared.rows[0].value == "0.790"
        assert asked[0].compared.rows[0].interval == "0.770 to 0.810"

    @pytest.mark.parametrize("asked", ["", "never", "2011-07-13", HOSTILE])
    def test_a_day_that_is_none_of_them_is_not_believed(self, admin_client, asked):
        url, _ = page_of(metrics_run())

        page = admin_client.get(url, {"origin_30": asked})

        assert page.context["shown"].horizons[0].origin == "2011-09-10"
        assert HOSTILE not in page.content.decode()

    def test_with_too_little_data_it_says_so_and_draws_nothing(self, admin_client):
        words = ["There are 12 customers with orders; predictions need 100."]
        url, _ = page_of(
            metrics_run(quality="none", words=words, back_test={"horizons": [], "money": None},
                        convergence={}, params={}, bands={}, predicted=0)
        )  # fmt: skip

        text = admin_client.get(url).content.decode()

        assert "too little data, so nothing was predicted" in text
        assert words[0] in text
        assert "crm-fig" not in text

    @pytest.mark.parametrize(
        "changed",
        [
            {"back_test": {}},
            {"back_test": {"horizons": [{"days": 30}]}},
            {"back_test": {"horizons": [{"days": 7, "models": [{"kind": "model"}]}]}},
            {"convergence": {"x": None}, "bands": {"counts": {}}, "params": {"x": [1.5, None]}},
            {"status": "failed", "is_current": False, "error": HOSTILE, "quality": ""},
        ],
    )
    def test_what_an_older_run_does_not_know_is_left_out(self, admin_client, changed):
        url, _ = page_of(metrics_run(**changed))

        page = admin_client.get(url)

        assert page.status_code == 200
        assert HOSTILE not in page.content.decode()

    def test_names_from_outside_are_escaped(self, admin_client):
        hostile = {**BACK_TEST["horizons"][0]}
        hostile["models"] = [{**hostile["models"][0], "label": HOSTILE}]
        url, _ = page_of(metrics_run(back_test={"horizons": [hostile]}, words=[HOSTILE]))

        text = admin_client.get(url).content.decode()

        assert HOSTILE not in text
        assert "&lt;script&gt;" in text

    def test_it_is_read_with_a_fixed_number_of_queries(
        self, admin_client, django_assert_max_num_queries
    ):
        url, _ = page_of(metrics_run())
        admin_client.get(url)

        with django_assert_max_num_queries(16):
            admin_client.get(url)


class TestTheList:
    def test_before_the_first_run_it_says_what_to_do(self, admin_client):
        text = admin_client.get(reverse(LIST)).content.decode()

        assert "Nothing has been predicted yet" in text
        assert "Score metrics now" in text

    def test_it_draws_how_the_runs_went(self, admin_client):
        metrics_run(as_of=date(2011, 11, 9), is_current=False)
        metrics_run()

        plots = admin_client.get(reverse(LIST)).context["drawn"]

        assert [dot.words for dot in plots[0].lines[0].dots] == [
            "chosen model, 30 days, 9 Nov 2011: 0.800",
            "chosen model, 30 days, 9 Dec 2011: 0.800",
        ]
        assert plots[0].lines[1].dots[0].words.endswith("0.740")

    def test_more_runs_cost_no_more_queries(self, admin_client, django_assert_max_num_queries):
        for month in range(1, 12):
            metrics_run(as_of=date(2011, month, 1), is_current=False)

        with django_assert_max_num_queries(16):
            admin_client.get(reverse(LIST))

    def test_it_needs_the_right_to_see_runs(self, client, staff_user):
        run = metrics_run()
        client.force_login(staff_user)

        assert client.get(reverse(LIST)).status_code == 403
        assert client.get(page_of(run)[0]).status_code == 403
        allow(staff_user, "view_metricsrun")
        assert client.get(reverse(LIST)).status_code == 200


class TestStarting:
    url = "admin:analytics_metricsrun_score_now"

    @pytest.fixture(autouse=True)
    def kind(self):
        """The work itself is not done here; its handler is there with the service."""
        if "score_metrics" not in jobs._kinds:
            jobs.register("score_metrics", lambda context: None)
            yield
            del jobs._kinds["score_metrics"]
        else:
            yield

    def test_a_click_puts_a_job_into_the_queue(self, admin_client):
        answer = admin_client.post(reverse(self.url), {**SUBMITTED, "as_of": "2011-12-09"})

        job = Job.objects.get(kind="score_metrics")
        assert answer.url == reverse("admin:common_job_change", args=[job.pk])
        assert job.params == {"as_of": "2011-12-09", "make_current": True}

    def test_a_look_at_the_past_changes_nothing_that_people_see_today(self, admin_client):
        metrics_run()

        admin_client.post(reverse(self.url), {**SUBMITTED, "as_of": "2011-12-08"})

        assert Job.objects.get(kind="score_metrics").params["make_current"] is False

    def test_who_may_only_look_cannot_start(self, client, staff_user):
        allow(staff_user, "view_metricsrun")
        client.force_login(staff_user)

        assert client.post(reverse(self.url), SUBMITTED).status_code == 403
        assert not Job.objects.exists()
