"""Changes by people and tokens leave who, where and why; bulk loads leave none; nobody edits it."""

import pghistory
import pytest
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from crm_project.common.middleware import RequestIdMiddleware, StaffHistoryMiddleware
from crm_project.common.models import User
from customers.models import Customer

pytestmark = pytest.mark.django_db
Event = Customer.pgh_event_model


def rename(request):
    Customer.objects.filter(code="ann").update(name="Anna")
    return HttpResponse()


def test_a_request_records_user_request_and_reason():
    user = User.objects.create_user("staff")
    Customer.objects.create(code="ann", name="Ann")
    request = RequestFactory().post(
        "/x/", headers={"X-Request-ID": "abc-1", "X-Change-Reason": "asked by phone"}
    )
    request.user = user

    response = RequestIdMiddleware(StaffHistoryMiddleware(rename))(request)

    event = Event.objects.get()
    assert (event.pgh_label, event.name) == ("update", "Anna")
    assert event.pgh_context.metadata == {
        "user": user.pk,
        "url": "/x/",
        "request_id": "abc-1",
        "reason": "asked by phone",
    }
    assert response["X-Request-ID"] == "abc-1"


@pytest.mark.parametrize("hostile", ["a\nb", "x" * 65, "<script>", ""])
def test_a_request_id_that_is_not_plain_is_replaced(hostile):
    request = RequestFactory().get("/x/")
    request.META["HTTP_X_REQUEST_ID"] = hostile

    response = RequestIdMiddleware(lambda _: HttpResponse())(request)

    assert len(response["X-Request-ID"]) == 32


def test_a_write_outside_of_a_context_leaves_no_history():
    Customer.objects.create(code="ann")
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy customers_customer (code, name, email, phone, language, country) from stdin"
        ) as copy,
    ):
        copy.write_row(("bob", "", "", "", "", ""))

    assert Customer.objects.count() == 2
    assert not Event.objects.exists()


def test_a_write_that_changes_nothing_leaves_no_history():
    customer = Customer.objects.create(code="ann")
    with pghistory.context(user=None):
        customer.save()

    assert not Event.objects.exists()


def test_a_delete_keeps_the_last_values():
    Customer.objects.create(code="ann", name="Ann")
    with pghistory.context(reason="test account"):
        Customer.objects.all().delete()

    event = Event.objects.get()
    assert (event.pgh_label, event.name) == ("delete", "Ann")


@pytest.mark.parametrize(
    "tamper", [lambda: Event.objects.update(name="x"), lambda: Event.objects.all().delete()]
)
def test_history_cannot_be_edited(tamper):
    with pghistory.context(reason="new"):
        Customer.objects.create(code="ann")

    with pytest.raises(DatabaseError), transaction.atomic():
        tamper()

    assert Event.objects.get().name == ""
