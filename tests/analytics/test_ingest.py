"""What is read of the bytes that systems send: the pure room, without database and queue."""

import json
import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest import chunk, events, identity, limits
from analytics.ingest.envelope import CLOUDEVENT, SEGMENT, SIGNAL
from tests.analytics.ingested import (
    JSON,
    NOW,
    envelope,
    parse,
    patiently,
    refused,
    segment,
    signal,
)


def test_a_signal_keeps_what_its_sender_said():
    event = parse(
        signal(
            event_type="Email Clicked",
            customer_id=17850,
            signal_data={"product_id": "P1", "metadata": {"responseTimeHours": 2}},
            message_id="m1",
            occurred_at="2026-01-31T12:00:00+01:00",
            source="newsletter",
            historical=True,
        )
    )

    assert (event.kind, event.event_type, event.customer_ref) == ("track", "email_clicked", "17850")
    assert (event.product_ref, event.message_id, event.source) == ("P1", "m1", "newsletter")
    assert event.occurred_at == 1_769_857_200_000_000
    assert event.historical
    assert event.response_time_hours == 2.0
    assert json.loads(event.data)["product_id"] == "P1"


def test_what_is_not_said_comes_from_the_reception():
    event = parse(signal())

    assert event.occurred_at == NOW
    assert event.source == "shop"
    assert event.message_id == event.product_ref == ""
    assert event.data == b"{}"


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"event_type": None}, "invalid", "event_type"),
        ({"event_type": "***"}, "missing", "event_type"),
        ({"event_type": "x" * 51}, "too_long", "event_type"),
        ({"customer_id": ""}, "missing", "customer_id"),
        ({"customer_id": "  "}, "missing", "customer_id"),
        ({"customer_id": 1.5}, "invalid", "customer_id"),
        ({"customer_id": True}, "invalid", "customer_id"),
        ({"customer_id": "x" * 201}, "too_long", "customer_id"),
        ({"message_id": "x" * 101}, "too_long", "message_id"),
        ({"product_id": "x" * 201}, "too_long", "product_id"),
        ({"source": "x" * 201}, "too_long", "source"),
        ({"mesage_id": "m1"}, "unknown_field", "mesage_id"),
        ({"signal_data": [1]}, "invalid", "signal_data"),
        ({"occurred_at": "yesterday"}, "invalid", "occurred_at"),
        ({"occurred_at": "2026-01-31T12:00:00"}, "invalid", "occurred_at"),
        ({"occurred_at": 1_790_000_000}, "invalid", "occurred_at"),
        ({"occurred_at": "1999-12-31T23:59:59Z"}, "too_old", "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "too_old", "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "in_future", "occurred_at"),
        ({"signal_data": {"a": "x\0y"}}, "not_storable", ""),
        ({"signal_data": {"a\0": 1}}, "not_storable", ""),
        ({"signal_data": {"a": [10**309]}}, "not_storable", ""),
        ({"signal_data": {"a": 10**4299}}, "not_storable", ""),
        ({"signal_data": {"a": "\ud800"}}, "not_storable", ""),
        ({"signal_data": {"a": "x" * limits.EVENT_BYTES}}, "too_large", ""),
    ],
)
def test_a_signal_that_cannot_be_stored_is_refused_with_the_reason(change, code, attr):
    assert refused(signal(**change)) == (code, attr)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[]", "invalid"),
        (b"null", "invalid"),
        (b'{"event_type":"view","customer_id":"\xff"}', "not_storable"),
        (b'{"event_type":"view","customer_id":"c","signal_data":{"a":1e999}}', "not_storable"),
        (b'{"event_type":"view","customer_id":"c","signal_data":{"a":NaN}}', "invalid_json"),
        (b'{"customer_id":"c"}', "missing"),
        (b"[" * 10_000, "too_deep"),
    ],
)
def test_bytes_that_are_no_signal_are_refused(body, code):
    assert refused(body)[0] == code


def test_numbers_that_postgresql_would_overflow_on_become_doubles():
    tiny = b'{"event_type":"view","customer_id":"c","signal_data":{"a":1e-99999,"b":0.%s1}}' % (
        b"0" * 20_000
    )

    assert parse(tiny).data == b'{"a":0.0,"b":0.0}'


def test_the_last_of_two_equal_keys_counts_and_only_that_is_stored():
    event = parse(b'{"event_type":"a","customer_id":"c","signal_data":{"k":1,"k":2}}')

    assert event.data == b'{"k":2}'


def test_thirty_two_levels_are_taken_and_one_more_is_refused():
    def nested(levels):
        return signal(signal_data={"a": json.loads("[" * levels + "]" * levels)})

    assert parse(nested(30)).event_type == "view"
    assert refused(nested(31)) == ("too_deep", "")


def test_brackets_within_a_text_are_no_levels():
    assert parse(signal(signal_data={"a": '[{"' * 100})).event_type == "view"


@pytest.mark.parametrize("value", [{}, [], True, 1.5, "x" * 201])
def test_a_product_in_the_data_that_cannot_be_a_key_names_none(value):
    assert parse(signal(signal_data={"product_id": value})).product_ref == ""


@pytest.mark.parametrize("value", [True, "3", None, {}])
def test_metadata_that_is_no_number_is_not_told(value):
    assert parse(signal(metadata={"interactionCount": value})).interaction_count is None


def test_metadata_beside_the_data_is_kept_with_it():
    event = parse(signal(metadata={"interactionCount": 4}))

    assert event.interaction_count == 4.0
    assert json.loads(event.data) == {"metadata": {"interactionCount": 4}}


def test_a_segment_track_keeps_its_properties():
    event = parse(segment(messageId="m", properties={"sku": 7, "price": 2.5}), SEGMENT)

    assert (event.kind, event.event_type, event.product_ref) == ("track", "product_viewed", "7")
    assert event.message_id == "m"


def test_an_anonymous_visitor_is_known_by_the_anonymous_id():
    assert parse(segment(userId=None, anonymousId="a-1"), SEGMENT).customer_ref == "a-1"


def test_identify_carries_traits_and_alias_the_former_id():
    identify = parse(segment("identify", traits={"email": "a@example.org"}), SEGMENT)
    alias = parse(segment("alias", previousId="a-1"), SEGMENT)

    assert (identify.kind, json.loads(identify.data)) == ("identify", {"email": "a@example.org"})
    assert (alias.kind, alias.customer_ref, alias.previous_ref) == ("alias", "C1", "a-1")


def test_pages_screens_and_groups_keep_what_stands_beside_their_data():
    page = parse(segment("page", name="Home", category="Shop", properties={"url": "/"}), SEGMENT)
    group = parse(segment("group", groupId="G1", traits={"plan": "gold"}), SEGMENT)

    assert json.loads(page.data) == {"url": "/", "name": "Home", "category": "Shop"}
    assert json.loads(group.data) == {"plan": "gold", "groupId": "G1"}


def test_an_endpoint_for_one_kind_needs_no_type():
    assert parse({"userId": "C1", "event": "x"}, SEGMENT, hint="track").kind == "track"


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"type": "delete", "userId": "C1"}, "unknown_type", "type"),
        ({"type": "track", "event": "x"}, "missing", "userId"),
        ({"type": "track", "userId": "C1"}, "missing", "event"),
        ({"type": "alias", "userId": "C1"}, "missing", "previousId"),
        ({"type": "track", "userId": ["C1"], "event": "x"}, "invalid", "userId"),
    ],
)
def test_a_segment_message_without_what_it_needs_is_refused(body, code, attr):
    assert refused(body, SEGMENT) == (code, attr)


def test_a_clock_that_is_an_hour_wrong_is_corrected_and_a_slow_network_is_not():
    hour_ahead = segment(timestamp="2026-09-21T15:00:00Z")
    ahead = parse(hour_ahead, SEGMENT, sent_at="2026-09-21T15:13:20Z")
    slow = parse(segment(timestamp="2026-09-21T14:00:00Z"), SEGMENT, sent_at="2026-09-21T14:13:00Z")

    assert NOW == 1_790_000_000_000_000  # 2026-09-21T14:13:20Z
    assert ahead.occurred_at == NOW - 800 * 1_000_000
    assert slow.occurred_at == NOW - 800 * 1_000_000


@pytest.mark.parametrize("shape", [SIGNAL, SEGMENT, CLOUDEVENT])
def test_a_batchs_time_that_cannot_be_kept_is_refused_also_where_no_event_needs_it(shape):
    # PostgreSQL would refuse each of them, and the worker would take itself for broken.
    body = {SIGNAL: signal(), SEGMENT: segment(), CLOUDEVENT: cloud()}[shape]

    assert refused(body, shape, sent_at="2026-09-21\0") == ("not_storable", "sentAt")


def cloud(**fields):
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "com.example.product_viewed",
        "subject": "C1",
    } | fields


def test_a_cloudevent_names_its_customer_by_the_subject_or_in_its_data():
    by_subject = parse(cloud(), CLOUDEVENT)
    by_data = parse(cloud(subject=None, data={"customer_id": 5}), CLOUDEVENT)

    assert (by_subject.event_type, by_subject.customer_ref) == ("product_viewed", "C1")
    assert (by_subject.source, by_subject.message_id) == ("/shop", "1")
    assert by_data.customer_ref == "5"


def test_the_data_of_a_cloudevent_may_be_anything():
    assert parse(cloud(data=[1]), CLOUDEVENT).data == b'{"value":[1]}'
    assert parse(cloud(data_base64="AA=="), CLOUDEVENT).data == b'{"data_base64":"AA=="}'


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"specversion": "0.3"}, "invalid", "specversion"),
        ({"id": ""}, "missing", "id"),
        ({"source": ""}, "missing", "source"),
        ({"subject": None}, "missing", "subject"),
        ({"subject": None, "data": {"user_id": [1]}}, "invalid", "data.customer_id"),
        ({"type": "com.example."}, "missing", "type"),
    ],
)
def test_a_cloudevent_without_what_it_needs_is_refused(change, code, attr):
    assert refused(cloud(**change), CLOUDEVENT) == (code, attr)


SHAPES = st.sampled_from([SIGNAL, SEGMENT, CLOUDEVENT, "unknown"])


@patiently
@given(SHAPES, st.binary())
def test_no_bytes_raise_anything_but_refused(shape, body):
    assert isinstance(outcome(shape, body), events.Event | events.Refused)


FIELDS = st.sampled_from(
    [
        *("event_type", "customer_id", "signal_data", "message_id", "occurred_at", "product_id"),
        *("type", "userId", "event", "properties", "timestamp", "source"),
        *("specversion", "id", "subject", "time", "data"),
    ]
)


@patiently
@given(SHAPES, st.dictionaries(FIELDS, JSON))
def test_no_json_raises_anything_but_refused_and_what_is_taken_is_plain_json(shape, body):
    found = outcome(shape, json.dumps(body).encode())

    if isinstance(found, events.Event):
        assert isinstance(json.loads(found.data), dict)
        assert b"\\u0000" not in found.data


def outcome(shape, body):
    try:
        return events.parse(envelope(body, shape))
    except events.Refused as refusal:
        return refusal


def test_chunks_come_back_as_they_were_and_damage_is_noticed():
    some = [envelope(signal()), envelope(segment(), SEGMENT, hint="track", may_identify=True)]

    assert chunk.decode(chunk.encode(some)) == some
    with pytest.raises(chunk.DamagedChunkError):
        chunk.decode(b"\xff" + chunk.encode(some))


def test_a_chunk_of_an_older_program_is_still_read():
    older = list(msgspec.structs.astuple(envelope(signal())))[:-1]

    assert chunk.decode(msgspec.msgpack.encode([older]))[0].may_identify is False


def test_ids_are_version_7_and_sort_by_time():
    ids = [identity.uuid7(NOW + step) for step in range(0, 5_000, 500)]

    assert ids == sorted(ids)
    assert {uuid.UUID(bytes=one).version for one in ids} == {7}


def test_a_name_made_of_gaps_without_end_is_too_long():
    with pytest.raises(events.Refused, match="at most 50"):
        parse(segment(event="_" * 20_000 + "view"), SEGMENT)
