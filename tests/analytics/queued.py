"""Signals for tests, and a queue of their own on the tests' real Valkey."""

import json
import time
import uuid

from analytics.ingest import chunk, identity
from analytics.ingest.envelope import Envelope
from analytics.services import signal_queue
from analytics.signal_stream import client, key

POISON = b'{"event_type": "", "customer_id": "C1"}'


def envelope(customer="C1", *, message_id=None, body=None, micros=None, **fields):
    """One event as reception makes it."""
    micros = micros or time.time_ns() // 1000
    if body is None:
        body = json.dumps(
            {
                "event_type": "product_viewed",
                "customer_id": customer,
                "product_id": "85123A",
                "message_id": str(uuid.uuid4()) if message_id is None else message_id,
                "signal_data": {"page": "/wine"},
            }
        ).encode()
    values = {"source": "shop", "token": "abcdef", "shape": "signal", "hint": "", "sent_at": ""}
    return Envelope(
        id=identity.uuid7(micros), received_at=micros, body=body, **{**values, **fields}
    )


def send(*envelopes):
    """Put envelopes into the queue as one entry; returns its id."""
    return signal_queue.append(chunk.encode(envelopes), len(envelopes))


def send_each(envelopes):
    return [send(one) for one in envelopes]


def remove_all(prefix, server=None):
    server = server or client()
    for name in server.scan_iter(f"{prefix}*"):
        server.delete(name)


def counter(name):
    return int(client().get(key(name)) or 0)
