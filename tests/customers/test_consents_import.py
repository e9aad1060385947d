"""Consents from files: the newest decision stands, whatever the order of the lines."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from customers.models import Consent, ContactPolicy
from customers.services.consents import Given, record_consents
from recommendations.selectors.contactability import decide_one
from tests.customers.test_import_tables import take
from tests.factories import ConsentFactory, CustomerAliasFactory, CustomerFactory
from tests.orders.order_files import counts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]
HEADER = "customer_code,channel,status,decided_at,purpose,source"


@pytest.fixture
def customer(db):
    return CustomerFactory(code="C1")


def stored():
    return set(Consent.objects.values_list("customer__code", "channel", "purpose", "status"))


def test_of_many_decisions_the_newest_is_stored_and_the_others_are_skipped(customer):
    CustomerAliasFactory(code="OLD", customer=customer)
    lines = (
        "C1,email,withdrawn,2026-05-02,,form",
        "OLD,email,granted,2026-05-01,,checkout",
        "C1,sms,granted,2026-05-01,transactional,",
        "C2,email,granted,2026-05-01,,",
        "C1,pigeon,granted,2026-05-01,,",
        "C1,email,perhaps,2026-05-01,,",
        "C1,email,granted,2999-01-01,,",
    )

    first = take("consents", HEADER, *lines)
    again = take("consents", HEADER, *lines)

    assert counts(first) == (7, 2, 0, 0, 4, 1)
    assert counts(again) == (7, 0, 0, 2, 4, 1)
    assert {row.code for row in first.refused_rows.all()} == {
        "unknown_customer", "bad_channel", "bad_status", "date_in_future"
    }  # fmt: skip
    assert stored() == {
        ("C1", "email", "marketing", "withdrawn"), ("C1", "sms", "transactional", "granted")
    }  # fmt: skip
    assert Consent.objects.get(channel="sms").source == "import generic"


def test_an_older_decision_than_the_stored_changes_nothing(customer):
    ConsentFactory(customer=customer, status="withdrawn", decided_at="2026-05-02T00:00:00Z")

    older = take("consents", HEADER, "C1,email,granted,2026-05-01,,shop")
    newer = take("consents", HEADER, "C1,email,granted,2026-05-03,,shop")

    assert (counts(older), counts(newer)) == ((1, 0, 0, 1, 0, 0), (1, 0, 1, 0, 0, 0))
    assert stored() == {("C1", "email", "marketing", "granted")}


@pytest.mark.parametrize(("mode", "expected"), [("create", {"sms"}), ("update", {"email"})])
def test_a_mode_leaves_out_what_it_is_not_for(customer, mode, expected):
    ConsentFactory(customer=customer, status="denied", decided_at="2026-01-01T00:00:00Z")
    lines = ("C1,email,granted,2026-05-03,,x", "C1,sms,granted,2026-05-03,,x")

    batch = take("consents", HEADER, *lines, mode=mode)

    assert counts(batch)[5] == 1
    assert set(Consent.objects.filter(status="granted").values_list("channel", flat=True)) == (
        expected
    )


def test_the_command_previews_and_imports(customer, tmp_path):
    file = tmp_path / "consents.csv"
    file.write_text(f"{HEADER}\nC1,email,granted,2026-05-01,,x\n")
    out = StringIO()

    call_command("import_consents", str(file), "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue())["new"] == 1
    assert not Consent.objects.exists()
    call_command("import_consents", str(file), stdout=StringIO())
    assert Consent.objects.count() == 1


@pytest.mark.parametrize("way", ["file", "service"])
def test_a_withdrawal_of_a_sender_whose_clock_is_ahead_is_obeyed_at_once(customer, way):
    ContactPolicy.objects.update(holdout_share=0)
    ahead = timezone.now() + timedelta(hours=5)
    granted, withdrawn = ahead - timedelta(hours=1), ahead
    if way == "file":
        rows = ((withdrawn, "withdrawn"), (granted, "granted"))
        take("consents", HEADER, *(f"C1,email,{status},{moment.isoformat()},,form"
                                   for moment, status in rows))  # fmt: skip
    else:
        record_consents(consents=[
            Given("C1", "email", "withdrawn", "form", withdrawn),
            Given("C1", "email", "granted", "form", granted),
        ])  # fmt: skip

    assert stored() == {("C1", "email", "marketing", "withdrawn")}
    assert decide_one(customer_id=customer.pk, channel="email").code == "NO_CONSENT"
