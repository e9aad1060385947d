"""Envelopes for the tests of the store, written in a line each."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count

from analytics.ingest.envelope import Envelope
from analytics.ingest.identity import uuid7

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = count(1 << 63)


def micros(moment):
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(micros):
    return _EPOCH + timedelta(microseconds=micros)


def envelope(event_type="view", customer="C1", *, at=NOW, key=None, **fields):
    """One event in our own shape. ``fields`` are other fields of the event.

    ``key`` is a fixed id, ``source``, ``token`` and ``may_identify`` belong to the envelope.
    """
    ours = {name: fields.pop(name) for name in ("token", "may_identify") if name in fields}
    body = {"event_type": event_type, "customer_id": customer, **fields}
    return _wrap("signal", "", at, key, body, **ours)


def segment(kind, user="C1", *, at=NOW, key=None, may_identify=True, **fields):
    """One event of a Segment library: ``track``, ``identify``, ``alias``, …"""
    body = {"type": kind, "userId": user, **fields}
    return _wrap("segment", kind, at, key, body, may_identify=may_identify)


def _wrap(shape, hint, at, key, body, *, token="tok", may_identify=False):  # noqa: S107
    received = micros(at)
    return Envelope(
        # Of the same moment, and yet in the order in which the test made them.
        id=key or uuid7(received)[:8] + next(_numbers).to_bytes(8, "big"),
        received_at=received,
        source="shop",
        token=token,
        shape=shape,
        hint=hint,
        sent_at="",
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        may_identify=may_identify,
    )
