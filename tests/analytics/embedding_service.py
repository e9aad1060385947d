"""A small embedding service on this machine, which answers as it is told."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def vector(text: str, dimension: int) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 255 for byte in digest[:dimension]]


def answer_to(body: dict[str, Any], dimension: int) -> dict[str, Any]:
    """Answer as the real services do, the last text first: the index says which is which."""
    data = [
        {"object": "embedding", "index": at, "embedding": vector(text, dimension)}
        for at, text in enumerate(body["input"])
    ]
    return {"object": "list", "data": data[::-1], "model": body["model"]}


@dataclass
class Service:
    """What was asked, and what to say instead of the right answer, one entry per request."""

    url: str = ""
    dimension: int = 8
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    instead: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    silent: threading.Event | None = None
    drips: bool = False


class Handler(BaseHTTPRequestHandler):
    service: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.service.asked.append({"path": self.path, **body})
        self.service.headers.append(dict(self.headers))
        if self.service.silent is not None:
            self.say_nothing(self.service.silent)
            return
        status, headers, content = 200, {}, b""
        if self.service.instead:
            status, headers, content = self.service.instead.pop(0)
        else:
            content = json.dumps(answer_to(body, self.service.dimension)).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def say_nothing(self, until: threading.Event) -> None:
        """Hold the caller, with a byte now and then if the service drips."""
        if not self.service.drips:
            until.wait(10)
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with suppress(ConnectionError):
            while not until.wait(0.05):
                self.wfile.write(b" ")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Service]:
    service = Service()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"service": service}))
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        if service.silent is not None:
            service.silent.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
