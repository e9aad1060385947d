"""What people see instead of a page says what happened, and tells strangers nothing."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from crm_project.common.admin import error_pages

NOWHERE = "/admin/nowhere/at/all/"


@pytest.mark.django_db
def test_the_site_begins_at_the_admin(client):
    answer = client.get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.django_db
def test_staff_stay_where_they_are_with_the_way_back_and_a_number(admin_client):
    answer = admin_client.get(NOWHERE, headers={"x-request-id": "seen-1"})

    text = answer.content.decode()
    assert answer.status_code == 404
    assert "There is nothing here, or not any more." in text
    assert "Number of this request: seen-1" in text
    assert answer.context["available_apps"]


@pytest.mark.django_db
def test_who_may_not_is_told_whom_to_ask(client, staff_user):
    client.force_login(staff_user)

    answer = client.get(reverse("admin:customers_customer_changelist"))

    assert answer.status_code == 403
    assert "whoever looks after the groups can help" in answer.content.decode()


def test_who_may_not_is_told_why_where_that_is_known(rf):
    answer = error_pages.forbidden(rf.get("/admin/"), PermissionDenied("Not <b>this</b>."))

    assert "Not &lt;b&gt;this&lt;/b&gt;." in answer.content.decode()


@pytest.mark.django_db
def test_a_form_that_is_too_old_says_what_to_do():
    answer = Client(enforce_csrf_checks=True).post(reverse("admin:login"), {"username": "x"})

    assert answer.status_code == 403
    assert "load the page again" in answer.content.decode()


def test_what_breaks_needs_neither_database_nor_session(client, monkeypatch):
    """The test has no access to the database: who asks cannot even be looked up."""
    client.raise_request_exception = False
    client.cookies["sessionid"] = "a" * 32

    answer = client.get("/admin/", headers={"x-request-id": "seen-2"})

    text = answer.content.decode()
    assert answer.status_code == 500
    assert "Something went wrong" in text
    assert "seen-2" in text
    assert "RuntimeError" not in text


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/wp-login.php"])
def test_outside_of_the_admin_one_sentence_is_enough(client, path):
    answer = client.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain")
    assert answer.content == b"Not Found. There is nothing here, or not any more.\n"
