"""May we contact them: each rule of D.2 at its boundary."""

from datetime import timedelta

import pytest

from customers.models import ContactPolicy
from recommendations.selectors.contactability import decide, decide_one
from tests.analytics.support import at
from tests.factories import ContactEventFactory, CustomerFactory

pytestmark = pytest.mark.django_db

NOW = at("2026-06-15", "12:00")


@pytest.fixture(autouse=True)
def nobody_held_out(db):
    ContactPolicy.objects.update(holdout_share=0)


def test_a_contact_exactly_135_days_ago_is_long_enough_ago():
    customer = CustomerFactory()
    ContactEventFactory(customer=customer, occurred_at=at("2026-01-31", "23:59"))

    before = decide_one(customer_id=customer.pk, channel="email", at=at("2026-06-14", "23:59"))
    then = decide_one(customer_id=customer.pk, channel="email", at=at("2026-06-15", "00:00"))

    assert (before.allowed, before.code) == (False, "SILENCE")
    assert before.next_allowed_at == at("2026-06-15", "00:00")
    assert before.words == ("Last marketing contact 134 days ago; the silence window is 135 days.")
    assert (then.allowed, then.code, then.words) == (True, "", "Nothing speaks against it.")
    assert then.evidence["days_since_contact"] == 135


def test_everybody_asked_about_gets_an_answer_also_who_does_not_exist():
    customer = CustomerFactory()

    found = decide(customer_ids=[customer.pk, -1], channel="email", at=NOW)

    assert found[customer.pk].allowed
    assert (found[-1].code, found[-1].words) == ("NOT_CONTACTABLE", "There is no such customer.")
    assert found[-1].next_allowed_at is None
    assert NOW - timedelta(1) < NOW
