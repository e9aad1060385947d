"""The ways in to profiles: command, job, API, the pages of the admin."""

import io
import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from analytics.models import CustomerProfile
from analytics.services.profiles import refresh_profiles
from crm_project.common.models import Job, RefreshState
from crm_project.common.services import job_runs
from crm_project.common.services.jobs import create_job
from tests.analytics.admin_pages import allow
from tests.analytics.profile_support import TASTY, buy, goods
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought():
    """A customer with three orders of a full-bodied taste, and one who never bought."""
    (wine,) = goods(wine={**TASTY, "label": "A bold <wine>"})
    for day in ("2011-09-01", "2011-10-01", "2011-11-01"):
        buy("A", day, (wine, 30), channel="web")
    CustomerFactory(code="P")
    return wine


def run(*arguments):
    out = io.StringIO()
    call_command("refresh_profiles", *arguments, stdout=out)
    return out.getvalue()


class TestTheCommand:
    def test_it_says_what_it_did(self, bought):
        line = "1 customers looked at (everybody), 1 profiles changed, 0 removed."
        assert line in run("--as-of=2011-11-09")
        assert "0 customers looked at (those with changes)" in run("--as-of=2011-11-09")

    def test_json_is_for_programs(self, bought):
        facts = json.loads(run("--as-of=2011-11-09", "--full", "--json"))
        assert (facts["customers"], facts["whole"], facts["as_of"]) == (1, True, "2011-11-09")

    def test_a_dry_run_keeps_nothing(self, bought):
        assert "Nothing was kept" in run("--as-of=2011-11-09", "--dry-run")
        assert not CustomerProfile.objects.exists()
        assert not RefreshState.objects.filter(name="profiles").exists()
        assert "1 customers looked at (everybody)" in run("--as-of=2011-11-09")

    def test_a_mistake_is_answered_in_words(self):
        with pytest.raises(CommandError, match="still to come"):
            run("--as-of=2999-01-01")


@pytest.mark.django_db(transaction=True)
def test_the_job_refreshes_and_reports(bought):
    job = create_job(kind="refresh_profiles", params={"as_of": "2011-11-09", "full": True})
    job_runs.run(job_id=str(job.pk))
    job.refresh_from_db()
    assert (job.status, job.result["written"], job.result["as_of"]) == (
        "succeeded", 1, "2011-11-09",
    )  # fmt: skip


class TestTheApi:
    def test_it_tells_the_stored_profile(self, api, bought, django_assert_num_queries):
        refresh_profiles(as_of=date(2011, 11, 9))
        api.get("customers/A/profile")

        with django_assert_num_queries(4):  # token, customer, profile with articles, labels
            found = api.get("customers/A/profile").json()

        assert (found["customer"], found["as_of"], found["orders"]) == ("A", "2011-11-09", 3)
        assert found["average_order_value"] == "30.00"
        assert found["grapes"] == [{"value": "Syrah", "share": 1.0, "revenue": "90.00"}]
        assert found["products"][0]["label"] == "A bold <wine>"
        assert found["first_product"] == {"key": "wine", "label": "A bold <wine>"}
        assert found["aromas"]["woody"] == {"score": 1.0, "confidence": 0.5, "level": "high"}
        assert found["median_gap_days"] == 30.5
        assert found["reason"] is None

    def test_an_old_code_finds_its_owner(self, api, bought):
        refresh_profiles(as_of=date(2011, 11, 9))
        CustomerAliasFactory(code="OLD", customer=CustomerProfile.objects.get().customer)
        assert api.get("customers/OLD/profile").json()["customer"] == "A"

    def test_an_earlier_day_is_computed(self, api, bought):
        found = api.get("customers/A/profile", {"as_of": "2011-10-15"}).json()
        assert (found["as_of"], found["orders"], found["median_gap_days"]) == ("2011-10-15", 2, 30)

    def test_why_there_is_none_is_said(self, api, bought):
        found = api.get("customers/A/profile").json()
        assert (found["as_of"], found["orders"], found["families"]) == (None, None, None)
        assert "not been computed" in found["reason"]
        refresh_profiles(as_of=date(2011, 11, 9))
        assert api.get("customers/P/profile").json()["reason"] == "No sale counted by then."

    @pytest.mark.parametrize("day", ["", "today", "2999-01-01", "0001-01-01", "2011-13-01"])
    def test_a_day_that_is_none_is_refused_by_name(self, api, bought, day):
        assert "as_of" in errors(api.get("customers/A/profile", {"as_of": day}))

    def test_nobody_is_not_found_and_unknown_parameters_are_refused(self, api, bought):
        assert api.get("customers/nobody/profile").status_code == 404
        assert api.get("customers/%00/profile").status_code == 404
        assert api.get("customers/A/profile", {"day": "1"}).status_code == 400

    def test_it_needs_its_scope(self, api, bought):
        assert api.with_scopes("customers:read").get("customers/A/profile").status_code == 403
        assert api.with_scopes("profiles:read").get("customers/A/profile").status_code == 200


class TestTheAdmin:
    def page(self, client, code):
        key = CustomerFactory._meta.model.objects.get(code=code).pk
        return client.get(
            reverse("admin:customers_customer_change", args=[key]), {"tabs": "all"}
        ).content.decode()

    def test_the_customers_page_shows_taste_and_rhythm(self, admin_client, bought):
        refresh_profiles(as_of=date(2011, 11, 9))

        text = self.page(admin_client, "A")

        assert "30.5 days" in text
        assert "A bold &lt;wine&gt;" in text
        assert "autumn" in text
        assert "woody" in text
        assert "No sale counted by then." in self.page(admin_client, "P")

    def test_who_may_not_see_profiles_sees_none(self, client, staff_user, bought):
        refresh_profiles(as_of=date(2011, 11, 9))
        allow(staff_user, "view_customer")
        client.force_login(staff_user)
        assert "30.5 days" not in self.page(client, "A")

    def test_the_list_shows_the_main_family(self, admin_client, bought):
        refresh_profiles(as_of=date(2011, 11, 9))
        text = admin_client.get(reverse("admin:analytics_customerprofile_changelist"))
        assert "Red (100%)" in text.content.decode()
        key = CustomerProfile.objects.get().pk
        url = reverse("admin:analytics_customerprofile_change", args=[key])
        assert admin_client.get(url).status_code == 200

    def test_a_refresh_can_be_started_by_who_may(self, admin_client, client, staff_user, bought):
        url = reverse("admin:analytics_customerprofile_refresh_now")
        admin_client.post(url, {"full": "on", "_form_submitted": "True"})
        job = Job.objects.get()
        assert (job.kind, job.params) == ("refresh_profiles", {"full": True})
        allow(staff_user, "view_customerprofile")
        client.force_login(staff_user)
        assert client.post(url, {"_form_submitted": "True"}).status_code == 403
        assert Job.objects.count() == 1
