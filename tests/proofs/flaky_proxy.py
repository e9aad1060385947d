"""A proxy in front of an HTTP server that fails in every way a network does.

It forwards one request at a time per connection and draws the fate of each from a seed.
"""

import enum
import random
import socket
import socketserver
import struct
import threading
from collections import Counter


class Fate(enum.Enum):
    """What happens to one request."""

    ANSWERED = "answered"
    CUT_BEFORE = "cut before the server saw it"
    CUT_INSIDE = "cut in the middle of the request"
    CUT_AFTER = "cut after the server did it, before its answer"
    CUT_ANSWER = "cut in the middle of the answer"
    BUSY = "answered 503 without asking the server"
    BUSY_AFTER = "answered 502 although the server did it"
    TWICE = "delivered twice, answered once"


FAULTS = tuple(fate for fate in Fate if fate is not Fate.ANSWERED)


class FlakyProxy:
    """``with FlakyProxy(port, share=0.3) as proxy:`` listens on ``proxy.port``.

    ``share`` of the requests meet a fault, all faults equally often; ``fates`` counts them.
    """

    def __init__(self, target, *, share, seed=1, faults=FAULTS):
        self.target = target
        self.share = share
        self.faults = faults
        self.fates = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self):
        return self._server.server_address[1]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def draw(self):
        with self._lock:
            faulty = self._chance.random() < self.share
            fate = self._chance.choice(self.faults) if faulty else Fate.ANSWERED
            self.fates[fate] += 1
            return fate


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Connection(socketserver.StreamRequestHandler):
    """One connection of a caller; its requests go to the server over one of our own."""

    timeout = 60

    def handle(self):
        self.server_side = None
        try:
            while request := read_message(self.rfile):
                if not self._meet(self.server.proxy.draw(), request):
                    return
        except OSError:
            reset(self.connection)  # the server is gone: so is this connection
        finally:
            if self.server_side is not None:
                self.server_side.close()

    def _meet(self, fate, request):
        """Do what fate wants; False when the connection is over."""
        if fate is Fate.CUT_BEFORE:
            return reset(self.connection)
        if fate is Fate.CUT_INSIDE:
            self._forward(request[: len(request) // 2])
            self._drop_server()
            return reset(self.connection)
        if fate is Fate.BUSY:
            return self._answer(b"HTTP/1.1 503 Service Unavailable\r\n")
        answer = self._exchange(request)
        if fate is Fate.TWICE:
            answer = self._exchange(request)
        if fate is Fate.CUT_AFTER:
            return reset(self.connection)
        if fate is Fate.BUSY_AFTER:
            return self._answer(b"HTTP/1.1 502 Bad Gateway\r\n")
        if fate is Fate.CUT_ANSWER:
            self.wfile.write(answer[: len(answer) // 2])
            return reset(self.connection)
        self.wfile.write(answer)
        return True

    def _answer(self, line):
        self.wfile.write(line + b"Content-Length: 0\r\n\r\n")
        return True

    def _exchange(self, request):
        self._forward(request)
        with self.server_side.makefile("rb") as stream:
            answer = read_message(stream)
        if not answer:
            message = "the server closed the connection"
            raise ConnectionError(message)
        return answer

    def _forward(self, data):
        if self.server_side is None:
            target = ("127.0.0.1", self.server.proxy.target)
            self.server_side = socket.create_connection(target, timeout=60)
        self.server_side.sendall(data)

    def _drop_server(self):
        self.server_side.close()
        self.server_side = None


def read_message(stream):
    """Return one HTTP message with its body as bytes; empty at the end of the connection.

    Understands ``Content-Length`` only, which is what the callers and the server here send.
    """
    head = []
    length = 0
    while line := stream.readline():
        head.append(line)
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if line == b"\r\n":
            return b"".join(head) + stream.read(length)
    return b""


def reset(connection):
    """Close with RST, so that the other side sees an error and no polite end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return False
