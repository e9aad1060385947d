"""Whatever bytes arrive: an event is refused in words, or stored as it was sent. No third way."""

import json
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from analytics.ingest.envelope import Envelope
from analytics.models import QuarantinedEvent, RawEvent, Signal
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import Poison, store
from tests.analytics.signals import NOW, envelope, micros

pytestmark = pytest.mark.django_db

ANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "event_type",
    "customer_id",
    "message_id",
    "occurred_at",
    "product_id",
    "source",
    "historical",
    "metadata",
)


def raw(body, shape="signal", **fields):
    values = {
        "id": envelope().id,
        "received_at": micros(NOW),
        "source": "shop",
        "token": "tok",
        "shape": shape,
        "hint": "",
        "sent_at": "",
    }
    return Envelope(**{**values, **fields}, body=body)


def store_or_quarantine(event):
    """Do what the worker does; every other exception is a mistake of ours."""
    try:
        return store([event])
    except Poison as poison:
        return None if quarantine(event, poison.code, poison.detail) else "not kept"


def as_numbers(value):
    """Return the value with each number as a double: whole ones come back without their point."""
    return json.loads(json.dumps(value), parse_int=float)


@ANY
@given(data=st.dictionaries(st.text(), JSON, max_size=5), customer=st.text(min_size=1))
@example(data={"a": "\0"}, customer="C1")
@example(data={"\0": "a"}, customer="C1")
@example(data={"a": "\ud800"}, customer="C1")
@example(data={"a": "\U0010ffff\u2028\x7f\x85"}, customer="\udfff")
@example(data={"a": 10**400}, customer="C1")
@example(data={"a": 1.7976931348623157e308, "b": 5e-324, "c": -0.0}, customer="C1")
@example(data={"a" * 30_000: "word " * 100}, customer="C1")
@example(data={"a": "x" * 30_000}, customer="C1")
@example(data={"a": "1 " * 15_000}, customer="'; drop table analytics_signal; --")
@example(data={"a": "\\N\t\\.\n\r\\\\"}, customer="\\N")
@example(data={"__proto__": {"a": [[[[[[[[]]]]]]]]}}, customer="é" * 200)
def test_data_is_stored_as_it_was_sent_or_refused(data, customer):
    body = {"event_type": "view", "customer_id": customer, "signal_data": data}
    for text in (json.dumps(body), json.dumps(body, ensure_ascii=False, indent=1)):
        with transaction.atomic():
            event = raw(text.encode(errors="surrogatepass"))
            done = store_or_quarantine(event)
            if done is not None:
                signal = Signal.objects.get()
                assert signal.customer_ref == customer
                assert as_numbers(signal.signal_data) == as_numbers(json.loads(json.dumps(data)))
            assert bytes(RawEvent.objects.get().body) == event.body
            transaction.set_rollback(True)


@ANY
@given(
    body=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode(errors="replace")),
    shape=st.sampled_from(["signal", "segment", "cloudevent"]),
    sent_at=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)
def test_any_bytes_are_stored_or_quarantined(body, shape, sent_at):
    with transaction.atomic():
        assert store_or_quarantine(raw(body, shape, sent_at=sent_at)) is None
        assert bytes(QuarantinedEvent.objects.get().body) == body
        transaction.set_rollback(True)


@ANY
@given(
    fields=st.dictionaries(
        st.sampled_from(FIELDS),
        JSON | st.just("2026-11-20T00:00:00Z") | st.text(max_size=300),
    )
)
def test_fields_of_the_wrong_kind_never_reach_the_database(fields):
    body = {"event_type": "view", "customer_id": "C1", **fields}
    with transaction.atomic():
        store_or_quarantine(raw(json.dumps(body).encode()))
        transaction.set_rollback(True)


@pytest.mark.parametrize("text", ["2000-01-01T00:00:00Z", "2026-11-22T12:00:00Z"])
def test_the_earliest_and_the_latest_moment_are_stored(text):
    assert store([envelope(occurred_at=text)]).stored == 1


def test_the_longest_of_everything_is_stored():
    longest = {
        "event_type": "e" * 50,
        "customer": "\U0001f600" * 200,
        "product_id": "\U0001f600" * 200,
        "message_id": "\U0001f600" * 100,
        "source": "\U0001f600" * 200,
    }
    assert store([envelope(**longest, at=NOW + timedelta(microseconds=1))]).stored == 1
    assert Signal.objects.get().customer_ref == longest["customer"]


def test_quarantine_takes_envelopes_that_no_server_of_ours_would_make():
    event = raw(
        b"\xff\0",
        shape="s" * 40,
        hint="h" * 40,
        sent_at="\0" * 99,
        source="x" * 999,
        token="t" * 99,
    )
    assert quarantine(event, "c" * 99, "r" * 999)
    kept = QuarantinedEvent.objects.get()
    assert (len(kept.source), len(kept.reason), len(kept.code)) == (200, 300, 40)
