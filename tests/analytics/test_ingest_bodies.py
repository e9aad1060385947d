"""What is read of bodies before their events are looked at: batches, broken ones, packed ones."""

import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest import bodies, cutting, events, limits
from tests.analytics.ingested import JSON, patiently, refused


def test_a_batch_is_a_list_or_an_object_with_one():
    assert bodies.split(b" [1, {}]").events == [b"1", b"{}"]
    assert bodies.split(b'{"signals": [{}]}').events == [b"{}"]
    assert bodies.split(b'{"batch": [{}], "sentAt": "x"}').sent_at == "x"


def test_one_event_that_cannot_be_read_does_not_sink_its_batch():
    deep = b"[" * 5_000 + b"]" * 5_000
    body = b'{"sentAt": "t", "batch": [{"a": "\\ud800]"}, %s, {"b": "\\"]"}, {,}], "c": []}' % deep

    found = bodies.split(body)

    assert found.events == [b'{"a": "\\ud800]"}', deep, b'{"b": "\\"]"}', b"{,}"]
    assert found.sent_at == "t"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b'{"batch": [', "invalid_json"),
        (b'{"batch": [{]}', "invalid_json"),
        (b"5", "invalid"),
        (b"{}", "missing"),
        (b'{"batch": {}}', "invalid"),
        (b"[]", "empty"),
        (b'{"signals": []}', "empty"),
        (b"[" + b"0," * limits.BATCH_EVENTS + b"0]", "too_many"),
        (b"[" + b"," * (limits.BATCH_EVENTS + 1), "too_many"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(body, code):
    with pytest.raises(events.Refused) as caught:
        bodies.split(body)

    assert caught.value.code == code


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", [b'{"batch":[', b"[" * 40, b"[]" * 40])
def test_a_string_without_its_end_costs_no_more_than_any_other(start):
    # By the square of its length it would be a quarter of an hour, in which nobody is served.
    body = (start + b'"' + b'\\"' * limits.BATCH_BYTES)[: limits.BATCH_BYTES]

    with suppress(events.Refused):
        assert bodies.split(body).events == [b""]
    assert refused(body[: limits.EVENT_BYTES])


@patiently
@given(st.lists(JSON))
def test_cutting_finds_what_a_json_reader_finds(values):
    text = json.dumps(values).encode()
    found = cutting.cut(text, frozenset())

    assert found is not None
    assert repr([json.loads(one) for one in found.elements if one]) == repr(values)


@patiently
@given(st.binary())
def test_no_body_raises_anything_but_refused(body):
    with suppress(events.Refused):
        assert bodies.split(body).events


def test_gzip_is_unpacked_up_to_the_limit_and_no_further():
    bomb = gzip.compress(bytes(50_000_000))

    assert bodies.unpack(gzip.compress(b"{}"), 10) == b"{}"
    with pytest.raises(bodies.TooLargeError):
        bodies.unpack(bomb, limits.BATCH_BYTES)


@pytest.mark.parametrize(
    "body", [b"", b"plain", gzip.compress(b"{}")[:-3], gzip.compress(b"{}") + b"x"]
)
def test_what_is_not_whole_gzip_is_refused(body):
    with pytest.raises(events.Refused, match="pack"):
        bodies.unpack(body, 100)
