"""Who is asking: a system with a bearer token, or staff with a session."""

import hmac
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from crm_project.common.models import ApiToken, User
from crm_project.common.services.tokens import TOKEN, digest

_USE_RECORDED_EVERY = timedelta(minutes=1)
_NO_DIGEST = "0" * 64


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer crm_<prefix>_<secret>``. Read anew on each request.

    So a revoked token is refused at once. Every refusal reads the same: it tells nobody whether
    the token was wrong, expired or revoked.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = self._find(given.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "The token is wrong, expired or revoked.", code="invalid_token"
            )
        _note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="crm"'

    def _find(self, given: str) -> ApiToken | None:
        match = TOKEN.fullmatch(given)
        if match is None:
            return None
        token = ApiToken.objects.usable().select_related("user").filter(prefix=match[1]).first()
        # Compared in constant time, and also where there is nothing to compare with.
        same = hmac.compare_digest(token.digest if token else _NO_DIGEST, digest(given))
        return token if same else None


class StaffSessionAuthentication(authentication.SessionAuthentication):
    """The admin's session, with CSRF protection, for staff only: Swagger UI works for them."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not (user.is_active and user.is_staff):
            return None
        self.enforce_csrf(request)
        return user, None


def _note_use(token: ApiToken) -> None:
    """Write the time of use at most once a minute: the row is read on every request."""
    now = timezone.now()
    stale = now - _USE_RECORDED_EVERY
    if token.last_used_at is None or token.last_used_at < stale:
        ApiToken.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale), pk=token.pk
        ).update(last_used_at=now)
