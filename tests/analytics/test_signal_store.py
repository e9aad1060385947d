"""Storing: each envelope once, with its receipt, its score and whose it is."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection, models

from analytics.models import QuarantinedEvent, RawEvent, Signal, SignalReceipt, SignalType
from analytics.services.signal_quarantine import quarantine_many
from analytics.services.signal_store import Poison, Stored, quarantine, store
from customers.models import Customer, CustomerAlias
from orders.models import Product
from tests.analytics.signals import NOW, envelope

pytestmark = pytest.mark.django_db


def test_an_event_becomes_a_raw_event_a_receipt_and_a_signal_with_one_id():
    customer = Customer.objects.create(code="C1")
    product = Product.objects.create(key="P1", label="Pinot")
    sent = envelope(
        "add_to_cart",
        product_id="P1",
        message_id="m1",
        occurred_at="2026-11-20T08:00:00+01:00",
        signal_data={"list": "Söömething", "price": 12.5},
    )

    assert store([sent]) == Stored(stored=1, linked=1)

    signal = Signal.objects.get()
    assert signal.id == UUID(bytes=sent.id)
    assert (signal.customer, signal.customer_ref) == (customer, "C1")
    assert (signal.product, signal.product_ref) == (product, "P1")
    assert signal.occurred_at.isoformat() == "2026-11-20T07:00:00+00:00"
    assert signal.received_at == NOW
    assert (signal.event_type, signal.kind, signal.score) == (
        "add_to_cart",
        "track",
        Decimal("0.10"),
    )
    assert (signal.source, signal.message_id, signal.historical) == ("shop", "m1", False)
    assert signal.signal_data == {"list": "Söömething", "price": 12.5}
    raw = RawEvent.objects.get()
    assert (raw.id, raw.received_at, raw.outcome) == (signal.id, NOW, "stored")
    assert (raw.source, raw.token, raw.shape, raw.body) == ("shop", "tok", "signal", sent.body)
    receipt = SignalReceipt.objects.get()
    assert (receipt.event_id, receipt.received_at) == (signal.id, NOW)


def test_the_same_message_again_is_kept_in_the_raw_log_only():
    first, again = envelope(message_id="m1"), envelope(message_id="m1")
    store([first])

    assert store([again]) == Stored(duplicate=1)

    assert Signal.objects.get().id == UUID(bytes=first.id)
    assert RawEvent.objects.get(id=UUID(bytes=again.id)).outcome == "duplicate"


def test_of_the_same_message_twice_in_one_batch_the_first_is_stored():
    first, again = envelope(message_id="m1"), envelope(message_id="m1")

    assert store([again, first]) == Stored(stored=1, duplicate=1, unresolved=1)

    assert Signal.objects.get().id == UUID(bytes=first.id)


def test_the_same_envelope_again_changes_nothing():
    batch = [envelope(message_id="m1"), envelope(), envelope(message_id="m1")]
    store(batch)

    assert store(batch) == Stored(redelivered=3)
    assert store([batch[1], batch[1], envelope()]) == Stored(redelivered=2, stored=1, unresolved=1)

    assert (Signal.objects.count(), RawEvent.objects.count()) == (3, 4)


def test_an_event_without_a_message_id_has_no_receipt():
    store([envelope(), envelope()])

    assert Signal.objects.count() == 2
    assert not SignalReceipt.objects.exists()


def test_message_ids_of_two_sources_are_not_the_same():
    store([envelope(message_id="m1"), envelope(message_id="m1", source="other")])

    assert Signal.objects.count() == 2


def test_a_type_under_another_name_gets_its_own_and_its_score():
    store([envelope("email_link_clicked", signal_data={"responseTimeHours": 2})])

    signal = Signal.objects.get()
    assert (signal.event_type, signal.score) == ("email_clicked", Decimal("0.70"))


def test_a_type_that_nobody_listed_is_stored_with_the_lowest_score():
    store([envelope("never_heard_of", metadata={"interactionCount": 4})])

    signal = Signal.objects.get()
    assert (signal.event_type, signal.score) == ("never_heard_of", Decimal("0.25"))
    assert not SignalType.objects.filter(event_type="never_heard_of").exists()


def test_a_changed_type_counts_from_the_next_batch_on():
    store([envelope("view")])
    SignalType.objects.filter(event_type="view").update(base_score="0.4", aliases=["look"])
    store([envelope("look")])

    assert sorted(Signal.objects.values_list("event_type", "score")) == [
        ("view", Decimal("0.10")),
        ("view", Decimal("0.40")),
    ]


def test_an_old_code_of_a_customer_finds_them():
    customer = Customer.objects.create(code="C1")
    CustomerAlias.objects.create(code="old", customer=customer)

    assert store([envelope(customer="old")]).linked == 1
    assert Signal.objects.get().customer == customer


def test_poison_is_reported_by_its_place_before_anything_is_stored():
    with pytest.raises(Poison) as caught:
        store([envelope(), envelope(event_type="")])

    assert (caught.value.index, caught.value.code) == (1, "missing")
    assert not RawEvent.objects.exists()


def test_quarantine_keeps_the_event_and_the_reason_and_counts_attempts():
    bad = envelope(event_type="", message_id="m1")

    assert quarantine(bad, "missing", "event_type: This field is required.\0")
    assert quarantine(bad, "missing", "event_type: This field is required.")

    kept = QuarantinedEvent.objects.open().get()
    assert (kept.id, kept.code, kept.attempts) == (UUID(bytes=bad.id), "missing", 2)
    assert (kept.message_id, kept.body, kept.resolution) == ("m1", bad.body, "")
    assert RawEvent.objects.get().outcome == "quarantined"


def test_quarantine_leaves_alone_what_was_stored():
    good = envelope()
    store([good])

    assert not quarantine(good, "strange", "It was said to be broken.")
    assert not QuarantinedEvent.objects.exists()


def test_a_quarantined_event_can_be_replayed_once():
    event = envelope(message_id="m1")
    quarantine(event, "strange", "It was said to be broken.")

    assert store([event]) == Stored(redelivered=1)
    assert store([event], replay=True) == Stored(stored=1, unresolved=1)
    assert store([event], replay=True) == Stored(redelivered=1)
    assert store([envelope(message_id="m1")]) == Stored(duplicate=1)
    assert RawEvent.objects.order_by("id").first().outcome == "quarantined"


def test_a_replay_of_the_raw_log_adds_what_is_missing_and_nothing_twice():
    batch = [envelope(message_id="m1"), envelope(), envelope(message_id="m1"), envelope()]
    store(batch)
    Signal.objects.filter(id__in=[UUID(bytes=batch[0].id), UUID(bytes=batch[1].id)]).delete()

    assert store(batch, replay=True) == Stored(stored=2, duplicate=1, redelivered=1, unresolved=2)
    assert Signal.objects.count() == 3


def test_in_a_replay_the_receipt_says_who_was_first_whatever_the_order_of_the_ids():
    early, late = envelope(message_id="m1"), envelope(message_id="m1")
    store([late])
    store([early])

    assert store([early, late], replay=True) == Stored(duplicate=1, redelivered=1)
    assert Signal.objects.get().id == UUID(bytes=late.id)


def test_an_empty_batch_is_nothing():
    assert store([]) == Stored()


def test_events_of_many_months_find_or_make_their_partitions():
    moments = [NOW - timedelta(days=40 * n) for n in range(12)]
    batch = [envelope(occurred_at=moment.isoformat()) for moment in moments]

    assert store([*batch, envelope(occurred_at="2001-02-03T00:00:00Z")]).stored == 13


def test_many_bad_events_take_a_few_statements(django_assert_max_num_queries):
    good = envelope()
    store([good])
    bad = [envelope(event_type="", message_id=f"m{n}") for n in range(100)]
    items = [(event, "missing", "A field is missing.") for event in bad]

    with django_assert_max_num_queries(8):
        assert quarantine_many([*items, (good, "strange", "Said to be broken.")]) == 100

    assert quarantine_many(items[:2]) == 2
    assert QuarantinedEvent.objects.filter(attempts=2).count() == 2
    assert RawEvent.objects.filter(outcome="quarantined").count() == 100


@pytest.mark.parametrize("model", [Signal, RawEvent, SignalReceipt])
def test_the_models_describe_the_tables_that_sql_made(model):
    with connection.cursor() as cursor:
        cursor.execute(
            "select column_name, is_nullable = 'YES' and is_generated = 'NEVER',"
            " character_maximum_length from information_schema.columns"
            " where table_schema = 'public' and table_name = %s",
            [model._meta.db_table],
        )
        found = {name: (nullable, length) for name, nullable, length in cursor.fetchall()}

    described = {
        field.column: (
            field.null,
            field.max_length if isinstance(field, models.CharField) else None,
        )
        for field in model._meta.fields
    }
    assert found == described
