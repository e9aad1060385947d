"""The proxy fails in the ways it says, and the callers notice."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.proofs.flaky_proxy import FAULTS, Fate, FlakyProxy
from tests.proofs.sender import Caller, Sender

SEEN_BY_THE_SERVER = {
    Fate.ANSWERED: 1,
    Fate.CUT_AFTER: 1,
    Fate.CUT_ANSWER: 1,
    Fate.BUSY_AFTER: 1,
    Fate.TWICE: 2,
}
SEEN_BY_THE_CALLER = {Fate.BUSY: 503, Fate.BUSY_AFTER: 502, Fate.TWICE: 202}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) == int(self.headers["Content-Length"]):
            self.server.seen.append(body)
            self.send_response(202)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    """A server that accepts everything and keeps it in ``seen``."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    running.seen = []
    running.handle_error = lambda *args: None
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fate: fate.value)
def test_each_fault_meets_the_server_as_it_says(server, fault):
    with FlakyProxy(server.server_port, share=1, faults=[fault]) as proxy:
        caller = Caller(proxy.port, "token")
        statuses = {caller.post("/v1/batch", "{}")[0] for _ in range(3)}
        caller.close()

    assert proxy.fates == {fault: 3}
    assert statuses == {SEEN_BY_THE_CALLER.get(fault, 0)}
    assert len(server.seen) == 3 * SEEN_BY_THE_SERVER.get(fault, 0)


def test_callers_get_everything_through(server):
    with FlakyProxy(server.server_port, share=0.4) as proxy:
        sender = Sender(proxy.port, "token", batch=5).start()
        sender.wait_for(500)
        promises = sender.finish()

    assert len(promises.accepted) >= 500
    assert promises.sent == set(range(len(promises.sent)))
    assert promises.accepted < promises.sent  # those sent once, and the callers who gave up
    assert set(proxy.fates) == set(Fate)
    assert promises.failures
