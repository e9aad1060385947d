from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import ContactEvent
from customers.services.contacts import Contact, record_contacts
from tests.api import errors
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerAliasFactory,
    CustomerFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return CustomerFactory(code="C1")


def contact(**changes):
    return {
        "external_id": "m1",
        "customer": "C1",
        "occurred_at": "2026-11-01T10:00:00Z",
        "channel": "email",
        **changes,
    }


class TestCreate:
    def test_a_contact_has_the_usual_values_of_what_is_left_out(self, api, customer):
        response = api.post("contacts", contact())

        assert response.status_code == 201
        shown = response.json()
        assert response["Location"].endswith(f"/api/v1/contacts/{shown['id']}")
        assert api.get(f"contacts/{shown['id']}").json() == shown
        assert {name: shown[name] for name in ("direction", "purpose", "status", "campaign")} == {
            "direction": "outbound",
            "purpose": "marketing",
            "status": "sent",
            "campaign": None,
        }

    def test_what_comes_in_was_received(self, api, customer):
        assert api.post("contacts", contact(direction="inbound")).json()["status"] == "received"

    def test_sent_twice_it_is_stored_once(self, api, customer):
        first = api.post("contacts", contact())
        again = api.post("contacts", contact())

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert ContactEvent.objects.count() == 1

    def test_a_later_report_brings_it_up_to_date_and_leaves_what_it_does_not_say(
        self, api, customer
    ):
        CampaignFactory(code="spring")
        api.post("contacts", contact(campaign="spring", purpose="transactional"))

        shown = api.post("contacts", contact(status="opened")).json()

        assert (shown["status"], shown["campaign"], shown["purpose"]) == (
            "opened",
            "spring",
            "transactional",
        )

    @pytest.mark.parametrize(
        ("reports", "status"),
        [
            (["clicked", "opened", "sent"], "clicked"),
            (["delivered", "bounced", "delivered"], "bounced"),
            (["sent", "failed"], "failed"),
            (["received", "sent"], "sent"),
        ],
    )
    def test_reports_that_overtake_one_another_leave_the_furthest(
        self, api, customer, reports, status
    ):
        for report in reports:
            shown = api.post("contacts", contact(status=report)).json()

        assert shown["status"] == status

    def test_an_old_code_finds_its_owner(self, api):
        CustomerAliasFactory(code="OLD", customer__code="NEW")

        assert api.post("contacts", contact(customer="OLD")).json()["customer"] == "NEW"

    @pytest.mark.parametrize(
        ("changes", "name", "code"),
        [
            ({"external_id": ""}, "external_id", "blank"),
            ({"external_id": "x" * 201}, "external_id", "max_length"),
            ({"customer": "nobody"}, "customer", "does_not_exist"),
            ({"campaign": "none"}, "campaign", "does_not_exist"),
            ({"channel": "fax"}, "channel", "invalid_choice"),
            ({"direction": "sideways"}, "direction", "invalid_choice"),
            ({"status": None}, "status", "null"),
            ({"occurred_at": "2026-11-01"}, "occurred_at", "invalid"),
            ({"occurred_at": "2199-11-01T00:00:00Z"}, "occurred_at", "in_future"),
            ({"text": "Hello"}, "text", "unknown_field"),
        ],
    )
    def test_a_wrong_body_is_refused_by_name(self, api, customer, changes, name, code):
        response = api.post("contacts", contact(**changes))

        assert response.status_code == 400
        assert errors(response) == {name: code}
        assert not ContactEvent.objects.exists()


class TestBatch:
    def test_each_contact_stands_for_itself(self, api, customer):
        ContactEventFactory(customer=customer, external_id="m2", status="sent")
        given = [
            contact(),
            contact(external_id="m2", status="opened"),
            contact(external_id="m3", customer="nobody"),
            contact(external_id="m4", channel="fax"),
            contact(),
            7,
            {"external_id": ["m5"]},
        ]

        response = api.post("contacts/batch", {"contacts": given})

        told = response.json()
        assert response.status_code == 200
        assert [(row["index"], row["outcome"]) for row in told["results"]] == [
            (0, "new"),
            (1, "changed"),
            (4, "unchanged"),
        ]
        assert (told["new"], told["changed"], told["unchanged"]) == (1, 1, 1)
        assert [(row["index"], row["attr"], row["code"]) for row in told["rejected"]] == [
            (2, "customer", "does_not_exist"),
            (3, "channel", "invalid_choice"),
            (5, "non_field_errors", "invalid"),
            (6, "external_id", "invalid"),
        ]
        assert sorted(ContactEvent.objects.values_list("external_id", "status")) == [
            ("m1", "sent"),
            ("m2", "opened"),
        ]

    def test_repeating_a_batch_changes_nothing(self, api, customer):
        given = {"contacts": [contact(external_id=f"m{n}") for n in range(5)]}
        first = api.post("contacts/batch", given).json()

        again = api.post("contacts/batch", given).json()

        assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 5)
        assert [row["id"] for row in again["results"]] == [row["id"] for row in first["results"]]

    def test_the_number_of_queries_does_not_depend_on_the_contacts(
        self, api, customer, django_assert_num_queries
    ):
        CampaignFactory(code="spring")
        api.get("contacts")
        for count in (2, 200):
            given = [contact(external_id=f"{count}-{n}", campaign="spring") for n in range(count)]
            # token, savepoint and its release, aliases, customers, campaigns, insert, rows
            with django_assert_num_queries(8):
                told = api.post("contacts/batch", {"contacts": given}).json()
            assert told["new"] == count

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({}, "contacts"),
            ({"contacts": []}, "contacts"),
            ({"contacts": [{}] * 1001}, "contacts"),
            ({"contacts": {"a": 1}}, "contacts"),
            ({"contacts": [{}], "mode": "all"}, "mode"),
        ],
    )
    def test_a_wrong_body_is_refused_by_name(self, api, body, name):
        assert name in errors(api.post("contacts/batch", body))


@pytest.mark.django_db(transaction=True)
def test_many_senders_of_the_same_contacts_at_once_make_each_once():
    CustomerFactory(code="C1")
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    contacts = [Contact(f"m{n}", "C1", moment, "email") for n in range(40)]

    def send(turned):
        try:
            return record_contacts(contacts=contacts[::-1] if turned else contacts).count("new")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(send, [False, True, False, True]))

    assert sum(made) == 40
    assert ContactEvent.objects.count() == 40


class TestList:
    def test_it_is_paged_by_position_and_newest_first(self, api, customer):
        now = timezone.now()
        made = [
            ContactEventFactory(customer=customer, occurred_at=now - timedelta(days=days)).pk
            for days in (3, 1, 4, 1, 5)
        ]

        seen, path = [], "contacts?limit=2"
        while path:
            page = api.get(path).json()
            assert page["count"] is None
            seen += [row["id"] for row in page["results"]]
            path = (page["next"] or "").partition("/api/v1/")[2]

        assert seen == [made[place] for place in (3, 1, 0, 2, 4)]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"customer": "C1"}, ["m1"]),
            ({"customer": "OLD"}, ["m1"]),
            ({"customer": "nobody"}, []),
            ({"campaign": "spring"}, ["m1"]),
            ({"external_id": "m2"}, ["m2"]),
            ({"channel": "phone"}, ["m2"]),
            ({"direction": "inbound", "status": "received"}, ["m2"]),
            ({"purpose": "transactional"}, ["m2"]),
            ({"occurred_after": "2026-11-02T00:00:00Z"}, ["m2"]),
            ({"occurred_before": "2026-11-02T00:00:00Z"}, ["m1"]),
        ],
    )
    def test_it_filters(self, api, query, found):
        first = CustomerAliasFactory(code="OLD", customer__code="C1").customer
        ContactEventFactory(
            customer=first,
            external_id="m1",
            campaign=CampaignFactory(code="spring"),
            occurred_at=datetime(2026, 11, 1, tzinfo=UTC),
        )
        ContactEventFactory(
            external_id="m2",
            channel="phone",
            direction="inbound",
            purpose="transactional",
            status="received",
            occurred_at=datetime(2026, 11, 2, tzinfo=UTC),
        )

        rows = api.get("contacts", query).json()["results"]

        assert [row["external_id"] for row in rows] == found

    def test_the_number_of_queries_does_not_depend_on_the_rows(
        self, api, customer, django_assert_num_queries
    ):
        ContactEventFactory.create_batch(20, customer=customer, campaign=CampaignFactory())
        api.get("contacts")

        with django_assert_num_queries(2):  # token, contacts with customer and campaign
            assert len(api.get("contacts").json()["results"]) == 20

    @pytest.mark.parametrize(
        ("query", "name"),
        [("channel=fax", "channel"), ("colour=red", "colour"), ("ordering=status", "ordering")],
    )
    def test_a_wrong_parameter_is_refused_by_name(self, api, query, name):
        assert name in errors(api.get(f"contacts?{query}"))

    @pytest.mark.parametrize("key", ["0", "9" * 30, "x"])
    def test_an_unknown_contact_is_404(self, api, key):
        assert api.get(f"contacts/{key}").status_code == 404

    def test_contacts_are_neither_changed_nor_deleted(self, api, customer):
        path = f"contacts/{ContactEventFactory(customer=customer).pk}"

        assert api.patch(path, {"status": "opened"}).status_code == 405
        assert api.delete(path).status_code == 405


class TestCampaigns:
    def test_they_are_read_by_code(self, api, django_assert_num_queries):
        CampaignFactory(code="spring", channel="email")
        CampaignFactory(code="autumn", channel="post", cost="120.50")
        api.get("campaigns")

        with django_assert_num_queries(3):  # token, count, campaigns
            rows = api.get("campaigns").json()["results"]

        assert [row["code"] for row in rows] == ["autumn", "spring"]
        assert api.get("campaigns/autumn").json() == rows[0]
        assert rows[0]["cost"] == "120.50"
        assert len(api.get("campaigns", {"channel": "post"}).json()["results"]) == 1
        assert api.get("campaigns/none").status_code == 404
        assert api.post("campaigns", {"code": "x"}).status_code == 405


class TestScopes:
    def test_writing_and_reading_are_two_rights(self, api, customer):
        writer, reader = api.with_scopes("contacts:write"), api.with_scopes("contacts:read")

        assert writer.post("contacts", contact()).status_code == 201
        assert writer.get("contacts").status_code == 403
        assert reader.get("contacts").status_code == 200
        assert reader.post("contacts/batch", {"contacts": [contact()]}).status_code == 403
