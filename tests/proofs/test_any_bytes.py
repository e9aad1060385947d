"""Whatever is sent to the addresses that take events, over a real network: no 500, no silence.

What was accepted meanwhile is in the raw log afterwards, whole: stored, a duplicate, or aside.
"""

import gzip
import json
import socket

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as some

from analytics.services.signal_endpoints import ENDPOINTS
from tests.proofs.crm import request

pytestmark = [pytest.mark.slow, pytest.mark.slow_proof, pytest.mark.timeout(900)]

EXAMPLES = 2_000
ALLOWED = {200, 202, 400, 401, 403, 408, 413, 415, 422, 429}

NAMES = [
    *("event_type", "customer_id", "signal_data", "message_id", "occurred_at", "source"),
    *("type", "userId", "anonymousId", "previousId", "event", "properties", "traits"),
    *("messageId", "timestamp", "sentAt", "batch", "signals", "metadata", "context"),
    *("specversion", "id", "subject", "time", "data", "data_base64", "historical", "product_id"),
]
REQUIRED = ("event_type", "customer_id", "type", "userId")
WORDS = ["view", "track", "identify", "alias", "C1", "1.0", "2026-01-31T12:00:00Z", "\0", "\ud800"]

leaves = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.sampled_from(WORDS),
    some.text(max_size=20),
)
values = some.recursive(
    leaves,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4),
        some.dictionaries(some.sampled_from(NAMES) | some.text(max_size=5), inner, max_size=6),
    ),
    max_leaves=20,
)
events = some.dictionaries(some.sampled_from(NAMES), values, max_size=8) | some.fixed_dictionaries(
    dict.fromkeys(REQUIRED, leaves),
    optional={name: values for name in NAMES if name not in REQUIRED},
)
objects = some.dictionaries(some.sampled_from(NAMES) | some.text(max_size=5), values, max_size=4)
# Close to right, so that much is accepted too, and strange data gets as far as the database.
signals = some.fixed_dictionaries(
    {"event_type": some.sampled_from(["view", "Order Completed", "x" * 51]), "customer_id": leaves},
    optional={
        "signal_data": objects,
        "metadata": objects,
        "message_id": leaves,
        "product_id": leaves,
        "historical": some.booleans(),
        "occurred_at": some.sampled_from(WORDS) | some.datetimes().map(str),
    },
)
cloud_events = some.fixed_dictionaries(
    {"specversion": some.just("1.0"), "id": leaves, "source": leaves, "type": leaves},
    optional={"subject": leaves, "data": values, "time": some.sampled_from(WORDS)},
)
events = events | signals | cloud_events
wholes = some.one_of(
    events,
    signals,
    cloud_events,
    some.lists(signals, min_size=1, max_size=5),
    some.lists(cloud_events, min_size=1, max_size=5),
    values,
    some.builds(lambda batch: {"batch": batch}, some.lists(events, max_size=5)),
    some.builds(lambda batch: {"signals": batch}, some.lists(events, max_size=5)),
    some.lists(events, max_size=5),
)


@some.composite
def bodies(draw):
    """Draw JSON, JSON with a few bytes changed, or no JSON at all; packed or not."""
    if draw(some.integers(0, 4)) == 0:
        body = draw(some.binary(max_size=300))
    else:
        body = json.dumps(draw(wholes)).encode()
        for _ in range(draw(some.sampled_from([0, 0, 0, 1, 3]))):
            at = draw(some.integers(0, len(body)))
            body = body[:at] + draw(some.binary(max_size=3)) + body[at + 1 :]
    packing = draw(some.sampled_from(["", "", "gzip", "gzip that is none", "br"]))
    if packing == "gzip":
        body = gzip.compress(body)
    return body, packing.split(" ")[0]


RIGHT = "the right one"
CONTENT_TYPES = [
    *[RIGHT] * 8,
    *("application/json", "application/json; charset=utf-8", "text/plain", "", "text/html"),
    *("application/cloudevents+json", "application/cloudevents-batch+json", "é/x"),
]
headers = some.fixed_dictionaries(
    {"Content-Type": some.sampled_from(CONTENT_TYPES)},
    optional={
        "X-Request-ID": some.text(alphabet="az09-_é\t ", max_size=80),
        "Accept": some.sampled_from(["", "text/html", "*/*;q=x"]),
    },
)


def test_no_bytes_are_answered_with_500_and_what_was_accepted_is_kept(crm, token):
    system = crm()
    accepted, statuses = set(), set()

    @seed(11)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(some.sampled_from(sorted(ENDPOINTS)), bodies(), headers)
    def send(path, packed, more):
        body, encoding = packed
        if more["Content-Type"] == RIGHT:
            more["Content-Type"] = next(iter(ENDPOINTS[path].media_types))
        more = {name: value.encode("utf-8") for name, value in more.items()}
        named = {"Authorization": f"Bearer {token}", **more}
        if encoding:
            named["Content-Encoding"] = encoding
        status, text = request(system.port, "POST", path, body=body, headers=named)
        statuses.add(status)
        assert status in ALLOWED, (status, text)
        answer = json.loads(text)
        if status < 300:
            accepted.update(receipt["id"] for receipt in answer["receipts"] if receipt.get("id"))
        else:
            assert answer["status"] == status

    send()
    system.wait_until_drained()

    assert {200, 202, 400, 415, 422} <= statuses
    with system.postgres.connect() as connection:
        kept = {str(found) for (found,) in connection.execute("select id from analytics_rawevent")}
    assert accepted == kept
    assert "Traceback" not in system.logs()
    assert set(system.stop()) == {0}


NOISE = [
    b"\0" * 1000,
    b"POST /v1/batch HTTP/1.1\r\n" + b"x" * 200_000,
    b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
    b"POST /v1/\xff\xfe HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST /v1/batch?%00%ff=%zz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /api/v1/signals?%00=\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def test_noise_on_the_line_neither_breaks_nor_blocks_the_server(crm, token):
    system = crm()
    silent = [socket.create_connection(("127.0.0.1", system.port)) for _ in range(50)]

    for noise in NOISE:
        with socket.create_connection(("127.0.0.1", system.port), timeout=10) as line:
            line.sendall(noise)
            line.shutdown(socket.SHUT_WR)
            try:
                answer = line.recv(65536)
            except ConnectionError:
                answer = b""
            assert b" 500 " not in answer.split(b"\r\n")[0], noise
        assert system.get("/livez")[0] == 200

    for line in silent:
        line.close()
