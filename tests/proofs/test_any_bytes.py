"""Whatever is sent to the addresses that take events, over a real network: no 500, no silence.

What was accepted meanwhile is in the raw log afterwards, whole: stored, a duplicate, or aside.
"""

import contextlib
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
wholes = some.one_of(
    events,
    values,
    some.builds(lambda batch: {"batch": batch}, some.lists(events, max_size=5)),
    some.builds(lambda batch: {"signals": batch}, some.lists(events, max_size=5)),
    some.lists(events, max_size=5),
)

# Right in form, so that it is accepted, and strange within, so that it is hard to store.
codes = some.text(min_size=1, max_size=20).filter(str.strip) | some.integers(0)
objects = some.dictionaries(some.sampled_from(NAMES) | some.text(max_size=5), values, max_size=4)
signals = some.fixed_dictionaries(
    {"event_type": some.sampled_from(["view", "Order Completed", "x" * 50]), "customer_id": codes},
    optional={"signal_data": objects, "metadata": objects, "message_id": codes},
)
segment_events = some.fixed_dictionaries(
    {"type": some.sampled_from(["track", "identify", "page"]), "userId": codes, "event": codes},
    optional={"properties": objects, "traits": objects, "messageId": codes, "context": objects},
)
cloud_events = some.fixed_dictionaries(
    {
        "specversion": some.just("1.0"),
        "id": some.text(min_size=1, max_size=20),
        "source": some.just("shop"),
        "type": some.just("com.example.view"),
        "subject": some.text(min_size=1, max_size=20),
    },
    optional={"data": values},
)
FITTING = {"signal": signals, "segment": segment_events, "cloudevent": cloud_events}


CONTENT_TYPES = [
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


@some.composite
def requests(draw):
    """Draw an address, a body (fitting, broken, or no JSON at all; packed or not), headers."""
    path = draw(some.sampled_from(sorted(ENDPOINTS)))
    if draw(some.booleans()):
        endpoint = ENDPOINTS[path]
        media_type, many = draw(some.sampled_from(list(endpoint.media_types.items())))
        one = FITTING[endpoint.shape]
        whole = draw(some.lists(one, min_size=1, max_size=5) if many else one)
        return path, json.dumps(whole).encode(), {"Content-Type": media_type}
    body = draw(some.binary(max_size=300))
    if draw(some.integers(0, 4)):
        body = json.dumps(draw(wholes)).encode()
        for _ in range(draw(some.sampled_from([0, 0, 0, 1, 3]))):
            at = draw(some.integers(0, len(body)))
            body = body[:at] + draw(some.binary(max_size=3)) + body[at + 1 :]
    more = draw(headers)
    packing = draw(some.sampled_from(["", "", "gzip", "gzip that is none", "br"]))
    if packing:
        more["Content-Encoding"] = packing.split(" ")[0]
    return path, gzip.compress(body) if packing == "gzip" else body, more


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
    @given(requests())
    def send(drawn):
        path, body, more = drawn
        more = {name: value.encode("utf-8") for name, value in more.items()}
        named = {"Authorization": f"Bearer {token}", **more}
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

    with contextlib.ExitStack() as silent:
        for _ in range(50):
            silent.enter_context(socket.create_connection(("127.0.0.1", system.port)))
        for noise in NOISE:
            assert b" 500 " not in first_line_after(system, noise), noise
            assert system.get("/livez")[0] == 200


def first_line_after(system, noise):
    """Return the first line of the answer; empty when the server just hangs up."""
    with socket.create_connection(("127.0.0.1", system.port), timeout=10) as line:
        try:
            line.sendall(noise)
            line.shutdown(socket.SHUT_WR)
            return line.recv(65536).split(b"\r\n")[0]
        except TimeoutError:
            raise
        except OSError:
            return b""
