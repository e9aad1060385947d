"""What must always hold is held by the database, whoever writes."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from customers.models import Campaign, Consent, ContactEvent, Customer, CustomerAlias, ImportBatch
from orders.models import Order, OrderItem, Product

pytestmark = pytest.mark.django_db
NOW = datetime(2024, 1, 1, tzinfo=UTC)
ORDER = {
    "source": "s",
    "number": "1",
    "ordered_at": NOW,
    "currency": "GBP",
    "net_amount": 1,
    "gross_amount": 1,
}
CONTACT = {"occurred_at": NOW, "channel": "email", "external_id": "m1"}
BATCH = {"kind": "orders", "format": "generic", "source": "s", "file_name": "f"}


def refused(model, **values):
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(**values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": ""},
        {"code": " a"},
        {"status": "gone"},
        {"phone": "0171 234567"},
        {"phone": "+0441234567890"},
    ],
)
def test_a_customer_must_make_sense(wrong):
    refused(Customer, **{"code": "a", **wrong})


def test_a_code_and_a_telegram_id_name_one_customer():
    Customer.objects.create(code="a", telegram_id=7)
    refused(Customer, code="a")
    refused(Customer, code="b", telegram_id=7)


def test_an_alias_names_one_customer():
    customer = Customer.objects.create(code="a")
    CustomerAlias.objects.create(code="old", customer=customer)
    refused(CustomerAlias, code="old", customer=customer)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({}, ""),
        ({"is_optout": True, "is_bounced": True}, "OPT_OUT"),
        ({"is_bounced": True}, "BOUNCED"),
        ({"is_test": True}, "TEST_ACCOUNT"),
        ({"status": "merged"}, "MERGED_OR_DELETED"),
    ],
)
def test_the_database_says_who_may_be_contacted_and_why_not(flags, reason):
    customer = Customer.objects.create(code="a", **flags)
    assert (customer.contactable, customer.not_contactable_reason) == (reason == "", reason)


def test_search_finds_every_word_in_code_name_or_address():
    Customer.objects.create(code="17850", name="Ann O'Hara", email="Ann@Example.org")
    assert Customer.objects.search("hara EXAMPLE 178").count() == 1
    assert Customer.objects.search("hara nobody").count() == 0
    assert Customer.objects.search("100%").count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gift"},
        {"status": "lost"},
        {"net_amount": -1},
        {"gross_amount": 0},
        {"currency": "gbp"},
        {"number": ""},
    ],
)
def test_an_order_must_make_sense(wrong):
    refused(Order, **{**ORDER, **wrong})


def test_an_order_number_is_unique_within_its_source_only():
    Order.objects.create(**ORDER)
    refused(Order, **ORDER)
    Order.objects.create(**{**ORDER, "source": "other"})


@pytest.mark.parametrize(
    "wrong", [{"quantity": 0}, {"unit_price": -1}, {"tax_amount": -1}, {"ordinal": 1}]
)
def test_an_order_line_must_make_sense(wrong):
    order = Order.objects.create(**ORDER)
    product = Product.objects.create(key="p", label="P")
    line = {"order": order, "product": product, "quantity": 2, "unit_price": "1.255"}
    stored = OrderItem.objects.create(ordinal=1, **line)
    stored.refresh_from_db()
    assert str(stored.net_amount) == "2.5100"
    refused(OrderItem, **{"ordinal": 2, **line, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"key": ""}, {"kind": "service"}, {"price": -1}, {"premium_tier": 4}, {"aroma_spicy": 6}],
)
def test_a_product_must_make_sense(wrong):
    refused(Product, **{"key": "p", "label": "P", **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "fax"},
        {"purpose": "fun"},
        {"direction": "up"},
        {"status": "lost"},
        {"external_id": ""},
    ],
)
def test_a_contact_must_make_sense(wrong):
    customer = Customer.objects.create(code="a")
    refused(ContactEvent, **{"customer": customer, **CONTACT, **wrong})


def test_a_contact_sent_twice_is_stored_once():
    customer = Customer.objects.create(code="a")
    ContactEvent.objects.create(customer=customer, **CONTACT)
    refused(ContactEvent, customer=customer, **CONTACT)


def test_a_campaign_keeps_at_most_half_back_and_ends_after_it_starts():
    plan = {"code": "c", "name": "C", "channel": "email"}
    refused(Campaign, **plan, holdout_share="0.6")
    refused(Campaign, **plan, starts_at=NOW, ends_at=NOW)


def test_a_consent_is_one_per_channel_and_purpose():
    customer = Customer.objects.create(code="a")
    given = {
        "customer": customer,
        "channel": "email",
        "status": "granted",
        "source": "x",
        "decided_at": NOW,
    }
    Consent.objects.create(**given)
    refused(Consent, **given)


def test_a_committed_import_accounts_for_every_line():
    refused(ImportBatch, **BATCH, status="committed", lines=3, new=1, refused=1)
    ImportBatch.objects.create(**BATCH, status="committed", lines=3, new=1, refused=1, unchanged=1)
