"""One site of two applications: the asynchronous one for events, and Django in its threads.

Other systems have threads of their own in Django: a rush of people who open slow pages, or all sign
in at nine o'clock, does not keep the tills waiting (docs/adr/0066-lanes.md).
"""

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from django.conf import settings

from analytics.checks import queue_trouble
from analytics.services.signal_endpoints import ENDPOINTS
from crm_project.asgi_probes import ASKED_ABOUT

PART_SECONDS = 60.0
"""How long the next part of an upload may take: a silent sender must not hold a thread."""


class Site:
    """Sends each request to the application that answers it.

    Args:
        pages: Django, as an ASGI application.
        api: the same for what lies below ``/api/``, in threads of its own; none: ``pages``.
        receive: makes the application for events, in the process and loop where it will run.
        probes: answers a platform's questions, apart from all others; none: ``pages``.
    """

    def __init__(
        self, *, pages: Any, receive: Callable[[], Any], api: Any = None, probes: Any = None
    ) -> None:
        self._pages = pages
        self._api = api or pages
        self._probes = probes or pages
        self._make_receive = receive
        self._receive: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            if scope["method"] == "POST" and scope["path"] in ENDPOINTS and _is_safe(scope):
                if self._receive is None:
                    self._receive = self._make_receive()
                await self._receive(scope, receive, send)
            else:
                await self._lane(scope)(scope, receive, send)

    def _lane(self, scope: Any) -> Any:
        path = scope["path"]
        if path in ASKED_ABOUT and not _is_forwarded(scope):
            return self._probes
        return self._api if path.startswith("/api/") else self._pages

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if trouble := await asyncio.to_thread(queue_trouble):
            await send({"type": "lifespan.startup.failed", "message": trouble})
            return
        # What is loaded by now stays: looking through it took 65 ms, in the middle of requests.
        gc.collect()
        gc.freeze()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._receive is not None:
            await self._receive.close()
        await send({"type": "lifespan.shutdown.complete"})


def _is_safe(scope: Any) -> bool:
    """Return whether a token may travel like this; if not, Django sends the caller to https."""
    if not settings.SECURE_SSL_REDIRECT or scope["scheme"] == "https":
        return True
    return settings.SECURE_PROXY_SSL_HEADER is not None and (
        dict(scope["headers"]).get(b"x-forwarded-proto", b"").strip() == b"https"
    )


def _is_forwarded(scope: Any) -> bool:
    """Return whether a proxy handed this on: then somebody outside asks, and not the platform.

    Whoever sent many of these could keep the platform's own questions waiting.
    """
    return any(name == b"x-forwarded-for" for name, _ in scope["headers"])


class DjangoPages:
    """A WSGI application behind ASGI, in a fixed number of threads; answers may be streamed.

    Repairs on the way what the bridge's library leaves open: headers that pretend to be others,
    bytes that a query string must not hold, senders that fall silent, readers that hang up.
    """

    def __init__(self, wsgi: Any, *, threads: int) -> None:
        self._wsgi = wsgi
        app: Any = self._app
        self._bridge: Any = WSGIMiddleware(app, workers=threads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        line = _Line(receive, send)
        try:
            await self._bridge(_cleaned(scope) | {"crm.line": line}, line.receive, line.send)
        finally:
            line.close()

    def _app(self, environ: dict[str, Any], start_response: Any) -> "_WhileConnected":
        line = environ["asgi.scope"]["crm.line"]
        return _WhileConnected(self._wsgi(environ, start_response), line)


class _Line:
    """The connection of one request; notices when nobody is at the other end any more."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._parts = 0
        self._watcher: asyncio.Task[None] | None = None
        self.is_open = True

    async def receive(self) -> Any:
        try:
            message = await asyncio.wait_for(self._receive(), PART_SECONDS)
        except TimeoutError:
            message = {"type": "http.disconnect"}
        if message["type"] == "http.disconnect":
            self.is_open = False
        return message

    async def send(self, message: Any) -> None:
        if not self.is_open:
            return
        await self._send(message)
        self._parts += 1
        # The start, one part, and more to come: a long answer, worth a look at who reads it.
        if self._parts == 3 and message.get("more_body") and self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while self.is_open:
            message = await self._receive()
            self.is_open = message["type"] != "http.disconnect"

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


class _WhileConnected:
    """The parts of an answer, until the reader hangs up."""

    def __init__(self, parts: Iterable[bytes], line: _Line) -> None:
        self._parts = parts
        self._line = line

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if not self._line.is_open:
                break
            yield part

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


def _cleaned(scope: Any) -> dict[str, Any]:
    """Return the request as WSGI can carry it.

    WSGI writes ``X-Forwarded-For`` and ``X_Forwarded_For`` the same: the second, which no proxy
    of ours sets, is dropped. A query string is ASCII.
    """
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    query = quote_from_bytes(scope["query_string"], safe=_PRINTABLE)
    return {**scope, "headers": headers, "query_string": query.encode("ascii")}


_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
