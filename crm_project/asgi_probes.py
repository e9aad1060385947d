"""Probes have a way of their own through the web server, and an answer within seconds.

Pages wait as long as the database takes. Probes that waited with them would tell a platform
nothing, and soon hold every thread: ``/livez`` would fall silent, and a database that hangs would
have all web servers restarted.
"""

import asyncio
import json
from typing import Any

LIVE = "/livez"
ASKED_ABOUT = frozenset({LIVE, "/readyz", "/metrics"})
SECONDS = 4.0
"""Less than the platform waits (k8s/base/web.yaml, and Prometheus with its 10 s)."""
WAITING = 8
"""Questions that may wait for their answer; more of them learn no more."""

_ALIVE = json.dumps({"status": "alive"}).encode()
_LATE = json.dumps(
    {
        "status": "not ready",
        "checks": {"answer": f"Not known after {SECONDS:g} seconds: database or queue hang."},
    }
).encode()


class Probes:
    """Answers ``/livez`` itself, and lets Django answer the others, but not for long.

    Args:
        django: as an ASGI application, with threads that nobody else uses.
        seconds: after so many, the answer is 503.
    """

    def __init__(self, django: Any, *, seconds: float = SECONDS) -> None:
        self._django = django
        self._seconds = seconds
        self._asked: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == LIVE and scope["method"] in {"GET", "HEAD"}:
            await _say(send, 200, _ALIVE)
            return
        if len(self._asked) >= WAITING:
            await _say(send, 503, _LATE)
            return
        answer = _Answer(send)
        asked = asyncio.create_task(self._django(scope, receive, answer.send))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        # Not cancelled when it is late: its thread could not be, and ends when the database does.
        done, _ = await asyncio.wait({asked}, timeout=self._seconds)
        if done:
            await asked
        elif answer.close():
            await _say(send, 503, _LATE)


class _Answer:
    """What Django says, as long as somebody waits for it."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._begun = self._closed = False

    async def send(self, message: Any) -> None:
        if not self._closed:
            self._begun = True
            await self._send(message)

    def close(self) -> bool:
        """Say nothing more from now on. True: nothing was said yet."""
        self._closed = True
        return not self._begun


async def _say(send: Any, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
