"""Reading a request's body and sending an answer, in the words of ASGI."""

from typing import Any

from analytics.services.signal_answers import PROBLEM_TYPE, problem
from analytics.services.signal_endpoints import JSON
from analytics.services.signal_intake import IntakeError

BODY_SECONDS = 15.0
"""How long a body may take to arrive."""

_DRAINED_BYTES = 8 * 1024 * 1024
"""So much of a body that is too large is read and forgotten: a sender who is cut off while
writing never reads why."""


class Gone(Exception):  # noqa: N818
    """The caller hung up; nobody waits for an answer."""


async def read_body(receive: Any, limit: int, length: int = -1) -> bytes | None:
    """Return the whole body; None when it is larger than ``limit``.

    With the announced ``length`` nobody asks once more whether anything follows.

    Raises:
        Gone: it ended early.
    """
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= _DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False) and size != length
        if size <= limit:
            parts.append(part)
    if size > limit:
        return None
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def send_answer(send: Any, status: int, body: bytes, request_id: bytes) -> None:
    await _send(send, status, body, request_id, JSON.encode(), ())


async def send_problem(send: Any, error: IntakeError, request_id: bytes) -> None:
    body = problem(error, request_id.decode())
    more: list[tuple[bytes, bytes]] = []
    if error.retry_after:
        more.append((b"retry-after", str(error.retry_after).encode()))
    if error.status == 401:
        more.append((b"www-authenticate", b'Bearer realm="crm", Basic realm="crm"'))
    await _send(send, error.status, body, request_id, PROBLEM_TYPE.encode(), more)


async def _send(
    send: Any, status: int, body: bytes, request_id: bytes, media_type: bytes, more: Any
) -> None:
    headers = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"api-version", b"1"),
        (b"x-request-id", request_id),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
