"""Events as systems send them, and what is read of them."""

import json

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from analytics.ingest import events, identity
from analytics.ingest.envelope import SIGNAL, Envelope

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with something else."""

NOW = 1_790_000_000_000_000
DAY = 24 * 3600 * 1_000_000


def envelope(body, shape=SIGNAL, **fields):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    known = {"hint": "", "sent_at": "", "source": "shop"} | fields
    return Envelope(
        id=identity.uuid7(NOW), received_at=NOW, token="abc", shape=shape, body=data, **known
    )


def parse(body, shape=SIGNAL, **fields):
    return events.parse(envelope(body, shape, **fields))


def refused(body, shape=SIGNAL, **fields):
    with pytest.raises(events.Refused) as caught:
        parse(body, shape, **fields)
    return caught.value.code, caught.value.attr


def signal(**fields):
    return {"event_type": "view", "customer_id": "C1"} | fields


def segment(kind="track", **fields):
    return {"type": kind, "userId": "C1", "event": "Product Viewed"} | fields


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
