"""``Idempotency-Key`` on writing requests: the same key gives the same answer, and acts once.

Kept 24 hours, per credential. The answer is stored in PostgreSQL in the same transaction as the
change, so that not even a crash between the two can make a repetition act twice. The same key with
another request is 422; while the first is still running, 409. Answers 409, 429 and 5xx are not
kept: there, trying again is right.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from crm_project.common.api.errors import MEDIA_TYPE, Conflict, Unprocessable
from crm_project.common.models import ApiToken, StoredResponse
from crm_project.common.services import idempotency

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
_MAX_LENGTH = 255
_KEPT_HEADERS = ("Location", "ETag")
_NOT_KEPT = {401, 403, 409, 413, 429}

Handler = Callable[..., Response]


def wrap(request: Request, handler: Handler, on_error: Callable[[Exception], Response]) -> Handler:
    """Return the handler, made idempotent where the request carries a key."""
    key = request.headers.get(HEADER)
    if key is None or request.method not in _METHODS:
        return handler
    if not 1 <= len(key) <= _MAX_LENGTH or not (key.isascii() and key.isprintable()):
        raise exceptions.ValidationError(
            {HEADER: [f"Give 1 to {_MAX_LENGTH} printable ASCII characters."]}
        )
    identity = {"credential": _credential(request), "key": key}

    def idempotent(request: Request, *args: Any, **kwargs: Any) -> Response:
        digest = _digest(request)
        try:
            with transaction.atomic():
                if not idempotency.try_lock(**identity):
                    raise Conflict(
                        "The first request with this key is still running.", code="in_progress"
                    )
                if stored := idempotency.find(**identity):
                    return _replay(stored, digest)
                response = handler(request, *args, **kwargs)
                _store(identity, digest, response)
                return response
        except Exception as error:
            response = on_error(error)
            if response.status_code < 500 and response.status_code not in _NOT_KEPT:
                _store_error(identity, digest, response)
            return response

    return idempotent


def _credential(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token:{request.auth.pk}"
    return f"user:{request.user.pk}"


def _digest(request: Request) -> str:
    """Hash what makes the request: method, path, query, and the body or its parts."""
    found = hashlib.sha256()
    found.update(f"{request.method} {request.get_full_path()}\n".encode())
    if (request.content_type or "").startswith("multipart/"):
        for name in sorted(request.data):
            found.update(f"{name}\n".encode())
            value = request.data[name]
            if hasattr(value, "chunks"):
                for chunk in value.chunks():
                    found.update(chunk)
                value.seek(0)
            else:
                found.update(str(value).encode())
    else:
        text = json.dumps(request.data, cls=JSONEncoder, sort_keys=True)
        found.update(text.encode())
    return found.hexdigest()


def _replay(stored: StoredResponse, digest: str) -> Response:
    if stored.request_digest != digest:
        raise Unprocessable(
            "This key was used for another request. Use a new key.", code="key_reused"
        )
    data = json.loads(stored.body) if stored.body else None
    response = Response(
        data,
        status=stored.status_code,
        headers=stored.headers,
        content_type=MEDIA_TYPE if stored.status_code >= 400 else None,
    )
    response[REPLAYED] = "true"
    return response


def _store(identity: dict[str, str], digest: str, response: Response) -> None:
    body = "" if response.data is None else json.dumps(response.data, cls=JSONEncoder)
    idempotency.store(
        **identity,
        request_digest=digest,
        status_code=response.status_code,
        headers={name: response[name] for name in _KEPT_HEADERS if response.has_header(name)},
        body=body,
    )


def _store_error(identity: dict[str, str], digest: str, response: Response) -> None:
    """Keep a refusal, unless it is about the key itself."""
    if response.status_code == 422:
        return
    with transaction.atomic():
        if idempotency.find(**identity) is None:
            _store(identity, digest, response)
