"""Identify and alias events: what they do to customers, and what they may not do."""

from datetime import timedelta

import pytest

from analytics.models import RawEvent, Signal
from analytics.services.signal_store import store
from customers.models import Customer, CustomerAlias
from tests.analytics.signals import NOW, envelope, segment

pytestmark = pytest.mark.django_db


def identify(user="C1", *, days=0, may_identify=True, **traits):
    at = (NOW - timedelta(days=days)).isoformat()
    return segment("identify", user, traits=traits, timestamp=at, may_identify=may_identify)


def test_an_identify_event_makes_the_customer_and_links_their_signals():
    store([envelope(customer="C1")])

    store([identify(name="Ada King", email="ada@example.org", phone="0044 1234-567890", plan="x")])

    ada = Customer.objects.get()
    assert (ada.code, ada.name, ada.email) == ("C1", "Ada King", "ada@example.org")
    assert ada.phone == "+441234567890"
    assert ada.profile["traits"] == {"plan": "x"}
    assert set(Signal.objects.values_list("event_type", "customer")) == {
        ("view", ada.pk),
        ("identify", ada.pk),
    }


def test_without_the_right_to_it_is_a_signal_and_nothing_else():
    store([identify(may_identify=False, name="Ada")])

    assert Signal.objects.get().event_type == "identify"
    assert not Customer.objects.exists()


def test_the_newest_wins_whatever_the_order_of_arrival():
    store([identify(days=2, name="Two", country="France", plan="two")])
    store([identify(days=1, name="One", plan="one")])
    store([identify(days=3, name="Three", language="fr", plan="three", age=3)])

    customer = Customer.objects.get()
    assert (customer.name, customer.country, customer.language) == ("One", "France", "fr")
    assert customer.profile["traits"] == {"plan": "one", "age": 3}


def test_the_newest_wins_also_within_a_batch():
    store([identify(days=1, name="One"), identify(days=3, name="Three"), identify(days=2)])

    assert Customer.objects.get().name == "One"


def test_what_we_knew_already_is_not_undone_by_old_news():
    Customer.objects.create(code="C1", name="Ada")

    store([identify(days=9, name="Old name", country="Spain")])

    customer = Customer.objects.get()
    assert (customer.name, customer.country) == ("Ada", "Spain")


@pytest.mark.parametrize(
    "traits",
    [
        {"email": "no address"},
        {"email": "a@b.c" + "d" * 300},
        {"phone": "12345"},
        {"name": ["a", "list"]},
        {"country": {"a": 1}},
        {"createdAt": "yesterday"},
        {"createdAt": "0001-01-01T00:00:00Z"},
        {"address": "a street"},
        {"name": None, "email": None},
        {f"trait{n}": n for n in range(900)},
    ],
)
def test_traits_that_fit_nowhere_never_lose_the_customer(traits):
    store([identify(**traits), identify("C2", name="Fine")])

    assert set(Customer.objects.values_list("code", flat=True)) == {"C1", "C2"}
    assert len(Customer.objects.get(code="C1").profile.get("traits", {})) <= 200


@pytest.mark.parametrize("code", [" C1", "x" * 65, "\n"])
def test_what_cannot_be_a_code_makes_no_customer(code):
    store([identify(code or "-", name="Ada"), identify("C2")][code.isspace() :])

    assert Customer.objects.get().code == "C2"


def test_a_duplicate_says_nothing_new():
    one = segment("identify", traits={"name": "One"}, messageId="m1")
    two = segment("identify", traits={"name": "Two"}, messageId="m1")

    store([one, two])

    assert Customer.objects.get().name == "One"


def test_a_redelivery_applies_what_a_dead_worker_did_not_come_to():
    event = identify(name="Ada")
    store([event])
    Customer.objects.all().delete()

    assert store([event]).redelivered == 1
    assert Customer.objects.get().name == "Ada"


def test_an_alias_event_adds_the_old_code():
    store([envelope(customer="anonymous")])
    store([segment("alias", "C1", previousId="anonymous")])

    customer = Customer.objects.get()
    assert CustomerAlias.objects.get().customer == customer
    assert set(Signal.objects.values_list("customer", flat=True)) == {customer.pk}


def test_an_alias_event_takes_nobodys_code_away():
    first, second = (Customer.objects.create(code=code) for code in ("C1", "C2"))
    CustomerAlias.objects.create(code="old", customer=first)

    store([segment("alias", "C2", previousId="old"), segment("alias", "C2", previousId="C1")])

    assert CustomerAlias.objects.get().customer == first
    assert Customer.objects.filter(pk=second.pk).exists()


def test_an_old_code_identifies_the_customer_who_has_it():
    customer = Customer.objects.create(code="C1")
    CustomerAlias.objects.create(code="old", customer=customer)

    store([identify("old", name="Ada"), identify("C1", country="Spain")])

    customer = Customer.objects.get()
    assert (customer.name, customer.country) == ("Ada", "Spain")


def test_a_customer_who_was_deleted_is_left_alone():
    Customer.objects.create(code="C1", status=Customer.Status.DELETED)

    store([identify(name="Ada")])

    assert Customer.objects.get().name == ""
    assert RawEvent.objects.get().outcome == "stored"


def test_a_browser_that_nobody_signed_in_to_is_no_customer():
    store([segment("identify", None, anonymousId="browser-1", traits={"name": "Visitor"})])

    assert not Customer.objects.exists()
    assert Signal.objects.get().customer_ref == "browser-1"


def test_who_signs_in_gets_what_the_browser_did_before():
    store([segment("track", None, anonymousId="browser-1", event="Product Viewed")])

    store([segment("identify", "C1", anonymousId="browser-1", traits={"name": "Ada"})])

    ada = Customer.objects.get()
    assert (ada.code, ada.name) == ("C1", "Ada")
    assert CustomerAlias.objects.get().code == "browser-1"
    assert set(Signal.objects.values_list("customer", flat=True)) == {ada.pk}


def test_a_shared_browser_stays_with_whom_it_was_first():
    store([segment("identify", "C1", anonymousId="browser-1")])
    store([segment("identify", "C2", anonymousId="browser-1")])

    assert CustomerAlias.objects.get().customer.code == "C1"


def test_a_browser_without_a_user_says_nothing_about_whom_it_belongs_to():
    store([segment("identify", "C1", anonymousId="browser-1", traits={"name": "Ada"})])

    traits = {"name": "Eve", "email": "eve@example.org", "plan": "x"}
    store([segment("identify", None, anonymousId="browser-1", traits=traits)])

    ada = Customer.objects.get()
    assert (ada.name, ada.email) == ("Ada", "")
    assert "traits" not in ada.profile
