"""Saved segments in the admin: form, live count, reasons, file, and the customer page."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import SavedSegment, SavedSegmentExport
from analytics.scoring.segment_catalogue import CATALOGUE
from analytics.scoring.segment_examples import EXAMPLES, usable
from analytics.scoring.segment_fields import Choice, Registry
from analytics.services.rfm import score_rfm
from crm_project.common.models import Job
from customers.models import Customer
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow, rows
from tests.analytics.saved_segments import ANYBODY, asks, segment
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db

FRENCH = asks("customer.country", "is", "France")
ADD = "admin:analytics_savedsegment_add"
LIST = "admin:analytics_savedsegment_changelist"
CUSTOMERS = "admin:customers_customer_changelist"


@pytest.fixture
def french():
    CustomerFactory(code="C1", country="France", name=HOSTILE)
    CustomerFactory(code="C2", country="France", name="=1+1")
    CustomerFactory(code="C3", country="Spain")
    return segment("french", FRENCH, built=True, description=HOSTILE)


def url(name, found):
    return reverse(f"admin:analytics_savedsegment_{name}", args=[found.pk])


def filled(client, address, **changed):
    """The fields of a form as they stand on the page, with changes."""
    form = client.get(address).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields}
    return {**data, **changed}


class TestForm:
    def test_a_segment_is_written_down(self, admin_client, admin_user, french):
        body = {"name": "Spanish ones", "rule": json.dumps(asks("customer.country", "is", "Spain"))}

        response = admin_client.post(reverse(ADD), {**body, "change_reason": "asked for"})

        assert response.status_code == 302
        found = SavedSegment.objects.get(slug="spanish-ones")
        assert (found.owner, found.rule["value"]) == (admin_user, "Spain")

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            ("{", "This is not JSON"),
            ("", "This field is required."),
            (json.dumps({"and": [ANYBODY, asks("rfm.recency", "more_than", "x")]}),
             "Part 2, value: Give a number"),
            (json.dumps(asks(HOSTILE, "is", 1)), "is not a field of a rule"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_in_words(self, admin_client, rule, words):
        response = admin_client.post(reverse(ADD), {"name": "X", "rule": rule})

        assert any(words in error for error in response.context["adminform"].form.errors["rule"])
        assert HOSTILE not in response.content.decode()
        assert not SavedSegment.objects.exists()

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.slug)
    def test_an_example_fills_the_form(self, admin_client, example):
        data = filled(admin_client, f"{reverse(ADD)}?example={example.slug}")

        assert json.loads(data["rule"]) == example.rule
        assert admin_client.post(reverse(ADD), data).status_code == 302
        assert SavedSegment.objects.get().slug == example.slug

    def test_a_change_is_kept_with_who_and_why(self, admin_client, french):
        data = filled(admin_client, url("change", french), name="Français", change_reason="Better")

        assert admin_client.post(url("change", french), data).status_code == 302

        history = admin_client.get(url("history", french)).context["changes"]
        assert (history[0].who, history[0].reason) == ("admin", "Better")
        french.refresh_from_db()
        assert (french.name, french.slug, french.is_stale) == ("Français", "french", False)

    def test_nobody_overwrites_what_they_have_not_seen(self, admin_client, french):
        data = filled(admin_client, url("change", french), name="Mine")
        other = filled(admin_client, url("change", french), name="Theirs")
        admin_client.post(url("change", french), other)

        response = admin_client.post(url("change", french), data)

        form = response.context["adminform"].form
        assert "Theirs" in str(form.non_field_errors())
        assert form["name"].value() == "Mine"
        again = {**data, "seen_at": form["seen_at"].value()}
        assert admin_client.post(url("change", french), again).status_code == 302
        french.refresh_from_db()
        assert french.name == "Mine"

    def test_a_rebuild_in_between_is_no_such_change(self, admin_client, french):
        data = filled(admin_client, url("change", french), name="Mine")
        segment("other", ANYBODY, built=True)

        assert admin_client.post(url("change", french), data).status_code == 302

    def test_viewers_read_the_rule_in_words(self, client, staff_user, french):
        allow(staff_user, "view_savedsegment")
        client.force_login(staff_user)

        page = client.get(url("change", french))

        assert "Customers whose country is France." in page.content.decode()
        assert client.post(url("change", french), {"name": "x"}).status_code == 403
        assert client.get(reverse(ADD)).status_code == 403


class TestPreview:
    address = "admin:analytics_savedsegment_preview"

    def test_it_counts_and_shows(self, admin_client, french):
        answer = admin_client.post(reverse(self.address), {"rule": json.dumps(FRENCH)}).json()

        assert answer["problems"] == []
        assert "<strong>2</strong> customers now" in answer["html"]
        assert HOSTILE not in answer["html"]
        assert "C1" in answer["html"]

    def test_it_says_where_something_is_wrong(self, admin_client, french):
        rule = json.dumps({"and": [asks("rfm.recency", "more_than")]})

        answer = admin_client.post(reverse(self.address), {"rule": rule}).json()

        assert answer["problems"][0]["path"] == "/and/0/value"

    @pytest.mark.parametrize("rule", ["", "[", "\x00", "null", "[" * 100_000, '"x"', "1e999"])
    def test_whatever_comes_in_it_answers(self, admin_client, rule):
        answer = admin_client.post(reverse(self.address), {"rule": rule})

        assert answer.status_code == 200
        assert answer.json()["problems"]

    def test_it_is_for_those_who_may_see_segments(self, client, staff_user, french):
        client.force_login(staff_user)
        assert client.post(reverse(self.address), {"rule": "{}"}).status_code == 403

        allow(staff_user, "view_savedsegment")
        staff_user = type(staff_user).objects.get(pk=staff_user.pk)
        client.force_login(staff_user)
        answer = client.post(reverse(self.address), {"rule": json.dumps(FRENCH)}).json()
        assert "Name</th>" not in answer["html"]
        assert client.get(reverse(self.address)).status_code == 405


class TestWhy:
    def test_it_explains_part_by_part(self, admin_client, french):
        SavedSegment.objects.update(rule={"and": [FRENCH, asks("rfm.recency", "at_most", 30)]})

        page = admin_client.get(url("why", french), {"customer": "C1"})

        text = page.content.decode()
        assert "does not meet the rule now" in text
        assert "here: France" in text
        assert "here: not known" in text
        assert "The next rebuild takes this customer out." in text
        assert HOSTILE not in text

    def test_somebody_unknown_and_a_broken_rule_are_told(self, admin_client, french):
        missing = admin_client.get(url("why", french), {"customer": HOSTILE}).content.decode()
        SavedSegment.objects.update(rule={"field": "gone"})
        broken = admin_client.get(url("why", french), {"customer": "C1"}).content.decode()

        assert "There is no customer with the code" in missing
        assert HOSTILE not in missing
        assert "The rule can no longer be used" in broken

    def test_it_needs_the_right_to_see_customers(self, client, staff_user, french):
        allow(staff_user, "view_savedsegment")
        client.force_login(staff_user)

        assert client.get(url("why", french), {"customer": "C1"}).status_code == 403


class TestActions:
    def test_rebuild_is_a_job_once_it_is_confirmed(self, admin_client, french):
        opened = admin_client.get(url("rebuild", french))
        assert opened.status_code == 200
        assert not Job.objects.exists()

        response = admin_client.post(url("rebuild", french), SUBMITTED)

        assert "/common/job/" in response["Location"]
        assert Job.objects.get().params == {"slugs": ["french"]}

    def test_all_are_rebuilt_once_it_is_confirmed(self, admin_client, french):
        everything = reverse("admin:analytics_savedsegment_rebuild_all")
        admin_client.get(everything)
        assert not Job.objects.exists()

        admin_client.post(everything, SUBMITTED)

        assert Job.objects.get().params == {"slugs": None}

    def test_the_file_is_safe_and_remembered(self, admin_client, admin_user, french):
        response = admin_client.get(url("download", french))

        text = response.getvalue().decode()
        assert "'=1+1" in text
        export = SavedSegmentExport.objects.get()
        assert (export.user, export.way, export.rows) == (admin_user, "admin", 2)
        assert "Taken away as a file" in admin_client.get(url("change", french)).content.decode()

    def test_a_segment_never_built_has_no_file(self, admin_client, french):
        response = admin_client.get(url("download", segment("new", ANYBODY)), follow=True)

        assert "never built" in response.content.decode()
        assert not SavedSegmentExport.objects.exists()

    def test_it_is_archived_and_restored(self, admin_client, french):
        admin_client.post(url("archive", french), SUBMITTED)
        french.refresh_from_db()
        assert french.is_archived
        assert "is archived" in admin_client.get(url("change", french)).content.decode()
        assert rows(admin_client.get(reverse(LIST))) == []
        assert rows(admin_client.get(reverse(LIST), {"state": "archived"})) == [french]
        assert admin_client.get(url("rebuild", french)).status_code == 403

        admin_client.post(url("restore", french), SUBMITTED)
        french.refresh_from_db()
        assert not french.is_archived

    @pytest.mark.parametrize("name", ["rebuild", "download", "archive", "restore"])
    def test_each_needs_a_right_of_its_own(self, client, staff_user, french, name):
        allow(staff_user, "view_savedsegment")
        client.force_login(staff_user)

        assert client.post(url(name, french), SUBMITTED).status_code == 403


class TestList:
    def test_it_shows_failures_and_age(self, admin_client, french):
        SavedSegment.objects.update(error="Too slow.", failed_at=french.built_at)

        text = admin_client.get(reverse(LIST)).content.decode()

        assert "failed" in text
        assert "+2 \N{MINUS SIGN}0" in text
        assert "Too slow." in admin_client.get(url("change", french)).content.decode()

    def test_an_empty_list_offers_examples(self, admin_client):
        text = admin_client.get(reverse(LIST)).content.decode()

        assert "Nobody has saved a segment yet." in text
        assert "?example=high-value-at-risk" in text

    def test_it_needs_few_queries_however_many_there_are(self, admin_client, french):
        admin_client.get(reverse(LIST))
        with CaptureQueriesContext(connection) as few:
            admin_client.get(reverse(LIST))
        for place in range(8):
            segment(f"s{place}", ANYBODY)
        with CaptureQueriesContext(connection) as many:
            admin_client.get(reverse(LIST))

        assert len(many) == len(few)


class TestCustomers:
    def test_the_list_is_filtered_and_says_the_segments(self, admin_client, french):
        page = admin_client.get(reverse(CUSTOMERS), {"saved": "french"})

        assert {customer.code for customer in rows(page)} == {"C1", "C2"}
        assert "French" in page.content.decode()
        assert rows(admin_client.get(reverse(CUSTOMERS), {"saved": "gone"})) == []

    def test_the_page_lists_the_segments_with_the_way_to_why(self, admin_client, french):
        customer = Customer.objects.get(code="C1")

        text = admin_client.get(
            reverse("admin:customers_customer_change", args=[customer.pk]), {"tabs": "all"}
        ).content.decode()

        assert f"{url('why', french)}?customer=C1" in text

    def test_without_the_right_nothing_shows(self, client, staff_user, french):
        allow(staff_user, "view_customer")
        client.force_login(staff_user)
        customer = Customer.objects.get(code="C1")

        for page in (
            client.get(reverse(CUSTOMERS)),
            client.get(
                reverse("admin:customers_customer_change", args=[customer.pk]), {"tabs": "all"}
            ),
        ):
            assert "French" not in page.content.decode()


class TestExamples:
    def test_all_can_be_used_in_a_new_shop(self):
        offered = CATALOGUE.replaced(
            CATALOGUE["rfm.segment"].with_choices((Choice("prospects", "Prospects"),))
        )
        assert list(usable(offered)) == list(EXAMPLES)

    def test_those_that_ask_for_what_is_not_there_are_not_offered(self):
        assert list(usable(Registry([]))) == []

    def test_they_find_somebody_or_nobody_but_never_fail(self, admin_client):
        CustomerFactory()
        score_rfm()
        for example in EXAMPLES:
            segment(example.slug, dict(example.rule), built=True)

        assert not SavedSegment.objects.exclude(error="").exists()


def test_permissions_are_there_to_give():
    codenames = {"rebuild_savedsegment", "export_savedsegment"}
    assert Permission.objects.filter(codename__in=codenames).count() == 2
