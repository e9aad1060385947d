"""Send JSON and read JSON, with a time limit, repeats and bounded answers.

Redirects are not followed: the key would travel to wherever the answer points; nor is anything
inside the house asked unless it is named (``crm_project.common.outgoing``). Messages name the
status only, since a service's own words may repeat the texts.
"""

import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError

from analytics.embeddings.base import ProviderRefusedError, ProviderUnavailableError
from crm_project.common import outgoing

LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes: fifty vectors of 4,096 numbers are about five million."""

_PIECE = 64 * 1024
_HTTP_BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for one answer, and between tries (doubled each time).

    A service that asks for more than ``longest_wait`` is not asked again in this run.
    """

    timeout: float = 30.0
    tries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0


_OPENER = outgoing.opener()


class _Again(Exception):  # noqa: N818 (a reason to repeat, no error of its own)
    """The try failed in a way that may pass; the wait that the service asked for, if it did."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def post_json(
    url: str,
    body: Mapping[str, object],
    *,
    headers: Mapping[str, str],
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
) -> Any:
    """Return the JSON that the service answers.

    Raises:
        ProviderRefusedError: the service said no, or its answer is no JSON.
        ProviderUnavailableError: still busy or out of reach after the last try.
    """
    sent = urllib.request.Request(  # noqa: S310 (the provider allows http and https only)
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        method="POST",
    )
    for number in range(1, patience.tries + 1):
        try:
            return _parsed(_answer(sent, patience.timeout))
        except _Again as failed:
            wait = failed.wait if failed.wait is not None else _wait_after(number, patience)
            if number == patience.tries or wait > patience.longest_wait:
                raise ProviderUnavailableError(
                    f"The embedding service {failed} (tried {number} of {patience.tries} times)."
                ) from failed
            sleep(wait)
    raise ProviderUnavailableError


def _wait_after(number: int, patience: Patience) -> float:
    """Return the seconds to wait after the given try, the first being 1."""
    return min(patience.first_wait * 2.0 ** (number - 1), patience.longest_wait)


def _answer(sent: urllib.request.Request, timeout: float) -> bytes:
    try:
        with _OPENER.open(sent, timeout=timeout) as answer:
            return _read(answer, deadline=time.monotonic() + timeout)
    except HTTPError as refused:
        with refused:
            _raise_for(refused)
    except outgoing.RefusedAddressError as inside:
        raise ProviderRefusedError(
            "The embedding service's address lies inside; CRM_OUTGOING_PRIVATE_HOSTS may name it."
        ) from inside
    except (OSError, http.client.HTTPException) as broken:
        reason = getattr(broken, "reason", broken)
        words = (
            "did not answer in time" if isinstance(reason, TimeoutError) else "cannot be reached"
        )
        raise _Again(words) from broken
    raise ProviderUnavailableError


def _read(answer: http.client.HTTPResponse, *, deadline: float) -> bytes:
    """Read the answer in pieces: a service that drips bytes must not hold the worker for ever."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(_PIECE):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ProviderRefusedError("The embedding service answered with too many bytes.")
        if time.monotonic() > deadline:
            raise TimeoutError
        pieces.append(piece)
    if answer.length:
        raise ConnectionResetError
    return b"".join(pieces)


def _raise_for(refused: HTTPError) -> None:
    if refused.code in _HTTP_BUSY or refused.code >= 500:
        wait = asked_wait(refused.headers.get("Retry-After"), now=datetime.now(UTC))
        raise _Again(f"answered {refused.code}", wait)
    hints = {401: ": check the key", 403: ": check the key", 404: ": check the address and model"}
    hint = hints.get(refused.code, "")
    raise ProviderRefusedError(f"The embedding service answered {refused.code}{hint}.")


def asked_wait(header: str | None, *, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (a number or a date); None if it does not.

    >>> asked_wait("2", now=datetime(2026, 1, 1, tzinfo=UTC))
    2.0
    >>> asked_wait("Thu, 01 Jan 2026 00:00:07 GMT", now=datetime(2026, 1, 1, tzinfo=UTC))
    7.0
    >>> asked_wait("soon", now=datetime(2026, 1, 1, tzinfo=UTC))
    """
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ProviderRefusedError("The embedding service did not answer with JSON.") from error
