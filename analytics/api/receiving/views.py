"""The same receiving as REST views: for the API's description, and where Django serves alone.

Behind ``crm_project.asgi`` these addresses are answered by ``receiving.app``; under WSGI, and in
tests, by these views. Both decide by ``analytics.services.signal_intake``.
"""

import time
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions, permissions, viewsets
from rest_framework.request import Request

from analytics.api.receiving.described import DESCRIBED, PROBLEMS
from analytics.api.receiving.words import in_words
from analytics.ingest import chunk
from analytics.ingest.shape_segment import KINDS
from analytics.services import signal_answers, signal_intake, signal_queue, signal_rate
from analytics.services.signal_endpoints import ENDPOINTS, JSON, Endpoint
from analytics.services.signal_intake import IntakeError
from analytics.services.signal_senders import WRITE_SCOPE, Sender, find_sender
from analytics.signal_stream import QueueError
from crm_project.common.api.throttling import TokenRateThrottle
from crm_project.common.api.views import CrmViewSet

ACTIONS = ("signals", "signals_batch", "events", "batch", "import_", *sorted(KINDS))

_known = signal_answers.Known()


class SenderAuthentication(authentication.BaseAuthentication):
    """A token in a Bearer header, or as the user name of a Basic one (a write key)."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Sender] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        sender = find_sender(header)
        if sender is None:
            words = "The token is wrong, expired or revoked."
            raise exceptions.AuthenticationFailed(words, code="invalid_token")
        return AnonymousUser(), sender

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="crm", Basic realm="crm"'


class SenderScheme(OpenApiAuthenticationExtension):
    target_class = "analytics.api.receiving.views.SenderAuthentication"
    name = ["ingestToken", "writeKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        bearer = "`Authorization: Bearer crm_<prefix>_<secret>`, with scopes."
        basic = "The token as user name, no password: what the Segment libraries call write key."
        return [
            {"type": "http", "scheme": "bearer", "description": bearer},
            {"type": "http", "scheme": "basic", "description": basic},
        ]


class MaySend(permissions.BasePermission):
    message = f"The token lacks the scope {WRITE_SCOPE}."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Sender):
            raise exceptions.NotAuthenticated
        return request.auth.may_send


def _action(name: str) -> Any:
    """Return one more method that does the same: each address has a description of its own."""

    def post(self: Any, request: Request) -> HttpResponse:
        """Answered only after all that is accepted lies on the queue's disk."""
        return receive(request)

    # By its name it is found for the description.
    post.__name__ = name
    return DESCRIBED[name](post)


class ReceiveViewSet(viewsets.ViewSet):
    """Takes events, one action per address; they differ in ``ENDPOINTS`` and in nothing else."""

    authentication_classes = [SenderAuthentication]
    permission_classes = [MaySend]
    # Events are counted, not requests.
    throttle_classes = []
    required_scopes = dict.fromkeys(ACTIONS, WRITE_SCOPE)
    problem_codes = dict.fromkeys(ACTIONS, PROBLEMS)

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except exceptions.APIException:
            # Guessing tokens is counted by address.
            guess = TokenRateThrottle()
            if not guess.allow_request(_stranger(request), self):
                self.throttled(request, guess.wait() or 1.0)
            raise

    signals, signals_batch = _action("signals"), _action("signals_batch")
    events, batch, import_ = _action("events"), _action("batch"), _action("import_")
    track, identify, alias = _action("track"), _action("identify"), _action("alias")
    group, page, screen = _action("group"), _action("page"), _action("screen")


class TakesSignals(CrmViewSet):
    """For the viewset that lists signals: what is posted to it goes the way of all events."""

    # Each event carries a key of its own.
    keyless_actions = frozenset({"create"})
    problem_codes = {"create": PROBLEMS}

    @DESCRIBED["signals"]  # type: ignore[untyped-decorator]
    def create(self, request: Request) -> HttpResponse:
        """Answered only after all that is accepted lies on the queue's disk."""
        raise NotImplementedError

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and self.action_map.get("post") == "create":
            return _signals(request)
        return super().dispatch(request, *args, **kwargs)


_signals = ReceiveViewSet.as_view({"post": "signals"})


def receive(request: Request) -> HttpResponse:
    """Answer a request whose sender is known; 2xx only after its events are on disk."""
    endpoint = ENDPOINTS[request._request.path_info]
    try:
        body = _taken(endpoint, request)
    except IntakeError as error:
        return _problem(error, request)
    except QueueError as error:
        return _problem(in_words(error), request)
    return _answer(body, endpoint.success, JSON)


def _taken(endpoint: Endpoint, request: Request) -> bytes:
    sender: Any = request.auth
    many = signal_intake.is_batch(endpoint, request.headers.get("Content-Type", ""))
    encoding = request.headers.get("Content-Encoding", "")
    parcel = signal_intake.unwrap(_body(request, many=many), encoding=encoding, many=many)
    signal_rate.take(sender.token, sender.rate, len(parcel.events))
    now = time.time_ns() // 1_000
    items = signal_intake.judge(
        parcel.events, sent_at=parcel.sent_at, endpoint=endpoint, sender=sender, now=now
    )
    envelopes = signal_intake.envelopes_of(items, many=many)
    signal_queue.append(chunk.encode(envelopes), len(envelopes))
    return signal_answers.encoded(signal_answers.answer(items, now=now, known=_known))


def _body(request: Request, *, many: bool) -> bytes:
    limit = signal_intake.body_limit(many=many)
    body: bytes = request._request.read(limit + 1)
    if len(body) > limit:
        raise signal_intake.too_large(many=many)
    return body


def _stranger(request: Request) -> Request:
    """Return the request as one of nobody: its credentials count for nothing."""
    request.user, request.auth = AnonymousUser(), None
    return request


def _problem(error: IntakeError, request: Request) -> HttpResponse:
    body = signal_answers.problem(error, request._request.META.get("crm.request_id", ""))
    response = _answer(body, error.status, signal_answers.PROBLEM_TYPE)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response


def _answer(body: bytes, status: int, media_type: str) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type=media_type)
    response["Cache-Control"] = "no-store"
    response["API-Version"] = "1"
    return response
