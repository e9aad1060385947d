"""Events pass Django by, all else reaches it; long answers are streamed, and given up in time."""

import asyncio
import http.client
import re
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from analytics.services import signal_queue
from crm_project.asgi_bridge import Site
from tests.common import bridge_site
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The little site behind the real server: its port and what it wrote."""
    port, log = free_port(), tmp_path_factory.mktemp("site") / "log"
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port)]
    command += ["--no-ws", "tests.common.bridge_site:application"]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "Started worker" in log.read_text(), seconds=60)
        wait_until(lambda: can_connect(port), seconds=60)
        yield port, log
    finally:
        process.terminate()
        process.wait(timeout=30)


def can_connect(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def asked(port, path, method="GET", body=None, **headers):
    """The answer to a request, of which as much may be read as wanted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        with closing(answer):
            yield answer


def ask(port, path, **request):
    with asked(port, path, **request) as answer:
        return answer.read()


def test_a_long_answer_arrives_in_parts_and_is_given_up_when_nobody_reads(server):
    port, log = server

    with asked(port, "/long") as answer:
        first = answer.read(1000)
    [made] = wait_until(lambda: re.findall(r"made (\d+) parts", log.read_text()))

    assert first == b"x" * 1000
    assert int(made) < bridge_site.PARTS


def test_a_long_answer_that_is_read_comes_whole(server):
    port, _ = server

    assert len(ask(port, "/soon")) == bridge_site.PARTS * 1000


def test_a_large_upload_is_read_in_parts(server):
    port, _ = server

    assert ask(port, "/size", method="POST", body=bytes(20_000_000)) == b"20000000"


def test_a_header_cannot_pretend_to_be_one_of_a_proxy(server):
    port, _ = server

    assert b"'HTTP_X_REAL': 'a'" in ask(port, "/shown", **{"X-Real": "a", "X_Real": "b"})
    assert b"'HTTP_X_REAL': None" in ask(port, "/shown", X_Real="b")


def test_a_query_may_hold_any_bytes(server):
    port, _ = server
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /shown?a=\xc3\xa9%20b+c&d HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert b"'a=%C3%A9%20b+c&d'" in answer


class Told:
    """Stands for one of the two applications; remembers what it was asked."""

    def __init__(self):
        self.paths = []

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])


def route(method, path, *, scheme="http", headers=()):
    lanes = {"pages": Told(), "api": Told(), "events": Told()}
    site = Site(pages=lanes["pages"], api=lanes["api"], receive=lambda: lanes["events"])
    scope = {"type": "http", "method": method, "path": path, "scheme": scheme, "headers": headers}
    asyncio.run(site(scope, None, None))
    [taken] = [name for name, lane in lanes.items() if lane.paths]
    return taken


def test_only_what_is_posted_to_the_addresses_of_events_passes_django_by():
    assert route("POST", "/api/v1/signals") == "events"
    assert route("POST", "/v1/batch/") == "events"
    assert route("GET", "/api/v1/signals") == "api"
    assert route("POST", "/api/v1/customers") == "api"


def test_the_api_does_not_wait_behind_pages():
    assert route("GET", "/api/v1/customers") == "api"
    assert route("GET", "/admin/customers/customer/") == "pages"
    assert route("GET", "/livez") == "pages"


def test_where_https_is_required_events_without_it_are_left_to_django(settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = None
    forwarded = [(b"x-forwarded-proto", b"https")]

    assert route("POST", "/v1/track") == "pages"
    assert route("POST", "/v1/track", scheme="https") == "events"
    assert route("POST", "/v1/track", headers=forwarded) == "pages"

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert route("POST", "/v1/track", headers=forwarded) == "events"


def lifespan():
    messages = []

    async def receive():
        return {"type": "lifespan.startup" if not messages else "lifespan.shutdown"}

    async def send(message):
        messages.append(message)

    site = Site(pages=None, receive=lambda: None)
    asyncio.run(site({"type": "lifespan"}, receive, send))
    return messages


def test_production_does_not_start_with_a_queue_that_forgets(settings):
    server = signal_queue.client()
    settings.PRODUCTION = True

    assert lifespan()[0]["type"] == "lifespan.startup.complete"
    server.config_set("appendfsync", "everysec")
    try:
        [refusal] = lifespan()
        settings.PRODUCTION = False
        assert lifespan()[0]["type"] == "lifespan.startup.complete"
    finally:
        server.config_set("appendfsync", "always")
    assert refusal["type"] == "lifespan.startup.failed"
    assert "appendfsync is 'everysec'" in refusal["message"]


def test_production_starts_while_its_queue_is_away(settings, tmp_path):
    settings.PRODUCTION = True
    settings.CRM_QUEUE_URL = f"unix://{tmp_path}/nobody.sock"

    assert lifespan()[0]["type"] == "lifespan.startup.complete"
