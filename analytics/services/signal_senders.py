"""Which system sends: a token in a Bearer or Basic header, and what it may do."""

import base64
import binascii
import hmac
from datetime import timedelta

import msgspec
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from crm_project.common.models import ApiToken
from crm_project.common.services.tokens import TOKEN, digest

WRITE_SCOPE = "signals:write"
IDENTIFY_SCOPE = "customers:write"
_USE_RECORDED_EVERY = timedelta(minutes=1)
_NO_DIGEST = "0" * 64


class Sender(msgspec.Struct, frozen=True, gc=False):
    """A usable token, as receiving needs it.

    Attributes:
        token: its prefix.
        source: its name: whose message ids it sends.
        rate: events it may send, like ``20000/s``.
        may_send, may_identify: whether it has the scopes for events, and for changing customers.
    """

    token: str
    source: str
    rate: str
    may_send: bool
    may_identify: bool


def find_sender(authorization: str) -> Sender | None:
    """Return who sends; None when the token is wrong, expired or revoked.

    Basic authentication carries the token as its user name, as the Segment libraries do with
    their write key.
    """
    match = TOKEN.fullmatch(token_of(authorization))
    if match is None:
        return None
    token = ApiToken.objects.usable().filter(prefix=match[1]).first()
    # Compared in constant time, and also where there is nothing to compare with.
    if not hmac.compare_digest(token.digest if token else _NO_DIGEST, digest(match[0])):
        return None
    return _sender(token) if token is not None else None


def token_of(authorization: str) -> str:
    """Return the token in a header's value; empty when it holds none.

    >>> token_of("Bearer crm_a_b"), token_of("Basic Y3JtX2FfYjo="), token_of("Basic ?")
    ('crm_a_b', 'crm_a_b', '')
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(given.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[0]


def _sender(token: ApiToken) -> Sender:
    _note_use(token)
    return Sender(
        token=token.prefix,
        source=token.name,
        rate=token.rate or settings.CRM_SIGNAL_RATE,
        may_send=WRITE_SCOPE in token.scopes,
        may_identify=IDENTIFY_SCOPE in token.scopes,
    )


def _note_use(token: ApiToken) -> None:
    """Write the time of use at most once a minute."""
    stale = timezone.now() - _USE_RECORDED_EVERY
    if token.last_used_at is None or token.last_used_at < stale:
        ApiToken.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale), pk=token.pk
        ).update(last_used_at=timezone.now())
