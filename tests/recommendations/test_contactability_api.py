"""``GET /customers/{code}/contactability``: the answer with its reasons, for those who may ask."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import ContactPolicy
from recommendations.selectors.contactability import decide_one
from tests.api import errors
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerAliasFactory,
    CustomerFactory,
)

pytestmark = pytest.mark.django_db
PATH = "customers/C1/contactability"


@pytest.fixture
def customer(db):
    ContactPolicy.objects.update(holdout_share=0)
    return CustomerFactory(code="C1")


def test_it_says_yes_or_every_reason_why_not_and_when_it_ends(api, customer):
    shown = api.get(PATH, {"channel": "email"}).json()
    assert (shown["allowed"], shown["code"], shown["codes"]) == (True, "", [])
    assert (shown["customer"], shown["purpose"], shown["campaign"]) == ("C1", "marketing", None)

    ContactEventFactory(customer=customer, occurred_at=timezone.now() - timedelta(days=2))
    CustomerAliasFactory(code="OLD", customer=customer)
    shown = api.get("customers/OLD/contactability", {"channel": "sms"}).json()

    assert (shown["allowed"], shown["code"]) == (False, "NO_CHANNEL")
    assert shown["codes"] == [
        {"code": "NO_CHANNEL", "words": "There is no valid mobile number."},
        {"code": "SILENCE",
         "words": "Last marketing contact 2 days ago; the silence window is 135 days."},
    ]  # fmt: skip
    assert shown["next_allowed_at"] is None
    assert shown["evidence"]["days_since_contact"] == 2
    later = api.get(PATH, {"channel": "email"}).json()["next_allowed_at"]
    assert later.startswith(f"{timezone.localdate() + timedelta(days=133):%Y-%m-%d}T00:00")
    assert api.get(PATH, {"channel": "email", "at": later}).json()["allowed"]


def test_a_campaign_says_channel_purpose_and_moment(api, customer):
    ContactEventFactory(customer=customer, occurred_at=timezone.now())
    soon = CampaignFactory(code="soon")
    CampaignFactory(code="late", contact_at=timezone.now() + timedelta(days=200))

    shown = api.get(PATH, {"campaign": "soon"}).json()
    assert (shown["channel"], shown["campaign"], shown["code"]) == ("email", soon.code, "SILENCE")
    assert api.get(PATH, {"campaign": "late"}).json()["allowed"]
    assert errors(api.get(PATH, {"campaign": "soon", "channel": "sms"})) == {"channel": "invalid"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"channel": "required"}),
        ({"channel": "pigeon"}, {"channel": "invalid_choice"}),
        ({"channel": "email", "purpose": "fun"}, {"purpose": "invalid_choice"}),
        ({"channel": "email", "scenario": "PARTY"}, {"scenario": "invalid_choice"}),
        ({"campaign": "nothing"}, {"campaign": "does_not_exist"}),
        ({"channel": "email", "at": "yesterday"}, {"at": "invalid"}),
        ({"channel": "email", "at": "9999-12-31T23:59:59Z"}, {"at": "range"}),
        ({"channel": "email", "colour": "red"}, {"colour": "unknown_parameter"}),
        ({"campaign": "a\x00b"}, {"campaign": "invalid"}),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(api, customer, query, expected):
    response = api.get(PATH, query)

    assert response.status_code == 400
    assert errors(response) == expected


def test_it_needs_its_scope_a_customer_and_few_queries(
    api, customer, django_assert_max_num_queries
):
    assert api.with_scopes("customers:read").get(PATH, {"channel": "email"}).status_code == 403
    asker = api.with_scopes("contactability:read")
    assert asker.get("customers/nobody/contactability", {"channel": "email"}).status_code == 404
    with django_assert_max_num_queries(4):
        assert asker.get(PATH, {"channel": "email"}).status_code == 200


@pytest.mark.owner
def test_the_application_role_asks_without_owning_anything(customer):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            create role crm_contact_in_test nologin;
            grant usage on schema public, crm_private to crm_contact_in_test;
            grant execute on function crm_private.contactability(
                bigint[], text, text, bigint, timestamptz, text[], boolean
            ) to crm_contact_in_test;
            set local role crm_contact_in_test
            """
        )
        found = decide_one(customer_id=customer.pk, channel="email")
        cursor.execute("reset role")

    assert found.allowed
