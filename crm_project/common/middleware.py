"""Give every request an id, and every change of staff a who, when, where and why."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from pghistory.middleware import HistoryMiddleware

# What a caller may send as X-Request-ID: it is stored and logged, so it is kept short and plain.
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
REASON_HEADER = "X-Change-Reason"
REASON_FIELD = "change_reason"
REASON_LENGTH = 500


class RequestIdMiddleware:
    """Take ``X-Request-ID`` from the caller or make one; send it back and log it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        request.META["crm.request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class StaffHistoryMiddleware(HistoryMiddleware):
    """Open a history context around every writing request: user, path, request id, reason."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request)
        context["request_id"] = request.META.get("crm.request_id")
        if reason := request.headers.get(REASON_HEADER, "").strip():
            context["reason"] = reason[:REASON_LENGTH]
        return context
