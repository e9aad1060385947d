"""Give every request an id, and every change of staff a who, when, where and why."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
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


class SecondFactorMiddleware:
    """Let nobody in with a password alone, where a second factor is asked for.

    In the admin they are led to the page that asks for it; everywhere else they are nobody until
    then. So there is no page that could forget to ask.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.CRM_SECOND_FACTOR or _verified(request.user):
            return self.get_response(request)
        asks = reverse("second_factor")
        if request.path in {asks, reverse("admin:logout")}:
            return self.get_response(request)
        if request.path.startswith(reverse("admin:index")):
            return redirect_to_login(request.get_full_path(), asks)
        request.user = AnonymousUser()
        return self.get_response(request)


def _verified(user: Any) -> bool:
    """Return whether somebody showed their second factor in this session, or is nobody anyway."""
    return not user.is_authenticated or user.is_verified()


class StaffHistoryMiddleware(HistoryMiddleware):
    """Open a history context around every writing request: user, path, request id, reason."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request)
        context["request_id"] = request.META.get("crm.request_id")
        if reason := request.headers.get(REASON_HEADER, "").strip():
            context["reason"] = reason[:REASON_LENGTH]
        return context
