"""The fast way in: authenticate, count, judge, queue, answer. Never 2xx before it is on disk."""

import asyncio
import re
import time
from typing import Any

import structlog
from django.conf import settings

from analytics.api.receiving.counts import count
from analytics.api.receiving.flusher import Flusher
from analytics.api.receiving.messages import (
    BODY_SECONDS,
    Gone,
    read_body,
    send_answer,
    send_problem,
)
from analytics.api.receiving.patience import Patience
from analytics.api.receiving.rate import Counter
from analytics.api.receiving.senders import Senders
from analytics.api.receiving.words import in_words
from analytics.ingest.identity import uuid7
from analytics.services import signal_answers, signal_intake
from analytics.services.signal_endpoints import ENDPOINTS, Endpoint
from analytics.services.signal_intake import IntakeError
from analytics.services.signal_senders import WRITE_SCOPE, Sender
from analytics.signal_stream import QueueError

logger = structlog.get_logger(__name__)

_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_SLICE = 250
"""Events judged in one go; between slices others have their turn."""


class ReceiveApp:
    """An ASGI application for the addresses in ``ENDPOINTS``; one per process."""

    def __init__(self) -> None:
        self._senders = Senders()
        self._flusher = Flusher()
        self._counter = Counter(self._flusher.client)
        self._patience = Patience(BODY_SECONDS)
        self._known = signal_answers.Known()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given if _ACCEPTABLE_ID.fullmatch(given) else uuid7(_now()).hex().encode()
        endpoint = ENDPOINTS[scope["path"]]
        try:
            body = await self._answer(endpoint, headers, scope, receive)
        except Gone:
            count(endpoint, 0)
            return
        except Exception as error:
            known = _known(error, request_id)
            count(endpoint, known.status)
            await send_problem(send, known, request_id)
        else:
            count(endpoint, endpoint.success)
            await send_answer(send, endpoint.success, body, request_id)

    async def _answer(
        self, endpoint: Endpoint, headers: dict[bytes, bytes], scope: Any, receive: Any
    ) -> bytes:
        """Return the body of a successful answer; by then the events are on disk."""
        sender = await self._sender(headers, scope)
        many = signal_intake.is_batch(endpoint, _text(headers, b"content-type"))
        body = await self._body(headers, receive, many=many)
        encoding = _text(headers, b"content-encoding")
        parcel = signal_intake.unwrap(body, encoding=encoding, many=many)
        await self._counter.take(sender.token, sender.rate, len(parcel.events))
        now = _now()
        items: list[signal_intake.Item] = []
        for start in range(0, len(parcel.events), _SLICE):
            if start:
                await asyncio.sleep(0)
            events = parcel.events[start : start + _SLICE]
            items += signal_intake.judge(
                events, sent_at=parcel.sent_at, endpoint=endpoint, sender=sender, now=now
            )
        await self._flusher.put(signal_intake.envelopes_of(items, many=many))
        return signal_answers.encoded(signal_answers.answer(items, now=now, known=self._known))

    async def _sender(self, headers: dict[bytes, bytes], scope: Any) -> Sender:
        sender = await self._senders.get(headers.get(b"authorization", b""))
        if sender is None:
            address = scope["client"][0] if scope.get("client") else ""
            rate = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["anonymous"]
            await self._counter.take(f"address:{address}", rate, 1)
            words = "The token is missing, wrong, expired or revoked."
            raise IntakeError(401, "invalid_token", words)
        if not sender.may_send:
            raise IntakeError(403, "permission_denied", f"The token lacks the scope {WRITE_SCOPE}.")
        return sender

    async def _body(self, headers: dict[bytes, bytes], receive: Any, *, many: bool) -> bytes:
        limit = signal_intake.body_limit(many=many)
        try:
            body = await self._patience.wait(read_body(receive, limit, _length(headers)))
        except TimeoutError as error:
            raise IntakeError(408, "too_slow", "The body did not arrive in time.") from error
        if body is None:
            raise signal_intake.too_large(many=many)
        return body

    async def close(self) -> None:
        self._patience.close()
        await self._senders.close()
        await self._flusher.close()


def _known(error: Exception, request_id: bytes) -> IntakeError:
    """Return the answer to whatever was raised; what nobody foresaw is logged and becomes 500."""
    if isinstance(error, IntakeError):
        return error
    if isinstance(error, QueueError):
        return in_words(error)
    logger.error("unexpected error while receiving", request_id=request_id.decode(), exc_info=error)
    return IntakeError(500, "error", "Something went wrong here. It was logged.")


def _length(headers: dict[bytes, bytes]) -> int:
    """Return the length of the body where it was announced, else -1."""
    text = headers.get(b"content-length", b"")
    return int(text) if text.isdigit() else -1


def _now() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1_000


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
