"""The page of a back-test: tables, verdicts, the button, and who may press it."""

import pytest
from django.urls import reverse

from crm_project.common.models import Job
from recommendations.models import BacktestRun
from recommendations.services import backtests
from tests.recommendations.test_backtests import LAST, SMALL, regulars

pytestmark = pytest.mark.django_db

LIST = "/admin/recommendations/backtestrun/"


def test_the_page_shows_every_table_and_what_it_means(admin_client):
    regulars(customers=15)
    made = backtests.run(as_of=LAST, options=SMALL)

    page = admin_client.get(f"{LIST}{made.pk}/change/").content.decode()

    for words in ("Next order, 60-day exclusion", "Next 90 days, recent purchases allowed",
                  "Own decayed frequency, filled up", "TIFU-kNN", "Does each scenario earn",
                  "Plans that competed", "By orders before", "to be reached"):  # fmt: skip
        assert words in page
    groups = [page.index(words) for words in ("1 order (", "2-3 orders (", "10+ orders (")]
    assert groups == sorted(groups)
    assert f"{made.results['verdict']['ndcg']['ours']:.4f}" in page
    listed = admin_client.get(LIST).content.decode()
    assert f"{made.results['verdict']['hit']['ours']:.1%}" in listed
    assert "current" in listed


def test_before_the_first_one_and_for_a_failed_one_the_page_says_why(admin_client):
    assert "have not been judged yet" in admin_client.get(LIST).content.decode()
    failed = BacktestRun.objects.create(as_of=LAST, status="failed", error="Too <b>few</b> orders.")
    page = admin_client.get(f"{LIST}{failed.pk}/change/").content.decode()
    assert "Too &lt;b&gt;few&lt;/b&gt; orders." in page


def test_the_button_starts_a_job_for_those_who_may(admin_client, client, staff_user):
    url = reverse("admin:recommendations_backtestrun_test_now")
    asked = {"as_of": "2011-09-01", "origins": "2", "_form_submitted": "True"}
    assert admin_client.post(url, asked).status_code in {200, 302}
    job = Job.objects.get(kind="backtest")
    assert job.params == {"as_of": "2011-09-01", "origins": 2}

    client.force_login(staff_user)
    assert client.post(url, asked).status_code == 403
    assert client.get(LIST).status_code == 403
    assert Job.objects.count() == 1
