"""Consents, opt-outs, bounces and pauses over the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from customers.models import Consent, ContactBlock, Customer
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return CustomerFactory(code="C1")


def consent(**changes):
    return {
        "customer": "C1",
        "channel": "email",
        "status": "granted",
        "source": "checkout",
        "decided_at": "2026-05-01T10:00:00Z",
        **changes,
    }


def a_block(**changes):
    return {"customer": "C1", "kind": "optout", "source": "mail system", **changes}


class TestConsents:
    def test_the_newest_decision_stands_whoever_tells_it_first(self, api, customer):
        first = api.post("consents", consent())
        older = api.post("consents", consent(status="denied", decided_at="2026-04-01T10:00:00Z"))
        newer = api.post("consents", consent(status="withdrawn", decided_at="2026-06-01T10:00:00Z"))

        assert [answer.status_code for answer in (first, older, newer)] == [201, 200, 200]
        assert older.json()["status"] == "granted"
        shown = newer.json()
        assert (shown["status"], shown["purpose"]) == ("withdrawn", "marketing")
        assert api.get(f"consents/{shown['id']}").json() == shown
        assert [one["id"] for one in api.get("consents", {"customer": "C1"}).json()["results"]] == [
            shown["id"]
        ]

    def test_each_of_a_batch_stands_for_itself(self, api, customer):
        CustomerAliasFactory(code="OLD1", customer=customer)
        answer = api.post(
            "consents/batch",
            {
                "consents": [
                    consent(status="denied"),
                    consent(customer="OLD1", decided_at="2026-05-02T10:00:00Z"),
                    consent(customer="nobody"),
                    consent(status="perhaps"),
                    consent(channel="sms", purpose="transactional"),
                    "text",
                ]
            },
        ).json()

        assert (answer["new"], answer["changed"], answer["unchanged"]) == (2, 0, 1)
        assert [(row["index"], row["outcome"]) for row in answer["results"]] == [
            (0, "unchanged"), (1, "new"), (4, "new")
        ]  # fmt: skip
        assert [(row["index"], row["attr"]) for row in answer["rejected"]] == [
            (2, "customer"), (3, "status"), (5, "non_field_errors")
        ]  # fmt: skip
        assert Consent.objects.get(channel="email").status == "granted"

    @pytest.mark.parametrize(
        ("wrong", "attr", "code"),
        [
            ({"customer": "nobody"}, "customer", "does_not_exist"),
            ({"customer": "C\x00"}, None, "parse_error"),
            ({"channel": "pigeon"}, "channel", "invalid_choice"),
            ({"decided_at": "2999-01-01T00:00:00Z"}, "decided_at", "range"),
            ({"decided_at": "2126-01-01T00:00:00Z"}, "decided_at", "in_future"),
            ({"source": "x" * 101}, "source", "max_length"),
            ({"colour": "red"}, "colour", "unknown_field"),
        ],
    )
    def test_what_cannot_be_is_refused_in_words(self, api, customer, wrong, attr, code):
        response = api.post("consents", consent(**wrong))

        assert response.status_code == 400
        assert errors(response) == {attr: code}


class TestBlocks:
    def test_an_opt_out_of_everything_raises_the_flag_until_it_is_lifted(self, api, customer):
        made = api.post("contact-blocks", a_block(reason="UNSUBSCRIBED"))
        again = api.post("contact-blocks", a_block(reason="UNSUBSCRIBED"))
        customer.refresh_from_db()

        assert (made.status_code, again.status_code) == (201, 200)
        assert made.json() == again.json()
        assert customer.is_optout

        lifted = api.post(f"contact-blocks/{made.json()['id']}/lift")
        customer.refresh_from_db()
        assert lifted.json()["until"] is not None
        assert not customer.is_optout
        assert api.get("contact-blocks", {"active": "true"}).json()["results"] == []
        assert len(api.get("contact-blocks", {"active": "false"}).json()["results"]) == 1

    def test_a_flag_falls_with_the_last_block_that_stands_for_it(self, api, customer):
        first = api.post("contact-blocks", a_block(kind="bounce", reason="HARD_BOUNCE")).json()
        second = api.post(
            "contact-blocks", a_block(kind="bounce", reason="INVALID_ADDRESS", channel="email")
        ).json()

        api.post(f"contact-blocks/{first['id']}/lift")
        assert Customer.objects.get().is_bounced
        api.patch(f"contact-blocks/{second['id']}", {"until": timezone.now().isoformat()})
        assert not Customer.objects.get().is_bounced

    def test_a_flag_that_was_up_before_stays_up(self, api):
        customer = CustomerFactory(code="C1", is_optout=True)
        made = api.post("contact-blocks", a_block()).json()

        api.post(f"contact-blocks/{made['id']}/lift")

        customer.refresh_from_db()
        assert customer.is_optout

    def test_a_block_of_one_channel_or_for_a_while_raises_no_flag(self, api, customer):
        until = (timezone.now() + timedelta(days=30)).isoformat()
        api.post("contact-blocks", a_block(channel="sms"))
        api.post("contact-blocks", a_block(until=until))
        made = api.post("contact-blocks", a_block(kind="pause", until=until))

        assert made.status_code == 201
        assert not Customer.objects.get().is_optout
        assert ContactBlock.objects.count() == 3

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"kind": "pause"}, "A pause has an end; to stop for good, opt out."),
            ({"until": "2020-01-01T00:00:00Z"}, "The end lies before the beginning."),
        ],
    )
    def test_a_block_that_makes_no_sense_is_refused_in_words(self, api, customer, wrong, words):
        response = api.post("contact-blocks", a_block(**wrong))

        assert response.status_code == 400
        assert response.json()["errors"][0]["detail"] == words

    def test_nobody_blocks_contact_with_a_customer_who_is_not_there(self, api):
        assert errors(api.post("contact-blocks", a_block())) == {"customer": "does_not_exist"}
        CustomerFactory(code="C1", status="merged")
        assert api.post("contact-blocks", a_block()).status_code == 409


@pytest.mark.parametrize("path", ["consents", "contact-blocks"])
def test_reading_and_writing_need_their_scopes(api, customer, path):
    body = consent() if path == "consents" else a_block()
    reader = api.with_scopes("consents:read")

    assert reader.get(path).status_code == 200
    assert reader.post(path, body).status_code == 403
    assert api.with_scopes("contacts:read").get(path).status_code == 403
    assert api.with_scopes("consents:write").post(path, body).status_code == 201


def test_a_list_costs_the_same_queries_for_many_rows(api, django_assert_max_num_queries):
    for place in range(5):
        CustomerFactory(code=f"C{place}")
        api.post("consents", consent(customer=f"C{place}"))
        api.post("contact-blocks", a_block(customer=f"C{place}"))

    for path in ("consents", "contact-blocks"):
        with django_assert_max_num_queries(5):
            assert len(api.get(path).json()["results"]) == 5
