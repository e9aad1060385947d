"""Issue and revoke API tokens. The secret leaves this module once and is stored as a digest."""

import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from crm_project.common.models import ApiToken, User
from crm_project.common.scopes import SCOPES

_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
_PREFIX_LENGTH = 10
_SECRET_BYTES = 32
RATE = re.compile(r"([1-9][0-9]{0,6})/(s|sec|second|m|min|minute|h|hour|d|day)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
TOKEN = re.compile(r"crm_([a-z0-9]{1,12})_([A-Za-z0-9_-]{20,200})")


def digest(secret: str) -> str:
    """Return the SHA-256 of a whole token in hex: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_rate(rate: str) -> tuple[int, int]:
    """Return how many in how many seconds.

    >>> parse_rate("600/min")
    (600, 60)
    """
    match = RATE.fullmatch(rate)
    if match is None:
        raise ValueError(f"{rate!r} is not a rate like 600/min.")
    return int(match[1]), _SECONDS[match[2][0]]


@transaction.atomic
def issue_token(
    *,
    user: User,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    rate: str = "",
) -> tuple[ApiToken, str]:
    """Make a token and return it with its clear text, which cannot be read again.

    Raises:
        CrmError: the user is not active, or the name, a scope, the expiry or the rate is unusable.
    """
    wanted = sorted(set(scopes))
    check(user=user, name=name, scopes=wanted, expires_at=expires_at, rate=rate)
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(_PREFIX_LENGTH))
    clear = f"crm_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    token = ApiToken.objects.create(
        name=name.strip(),
        user=user,
        prefix=prefix,
        digest=digest(clear),
        scopes=wanted,
        expires_at=expires_at,
        rate=rate,
    )
    return token, clear


@transaction.atomic
def revoke_token(*, token_id: int) -> ApiToken:
    """Make a token useless from now on; a second revocation changes nothing.

    Raises:
        CrmError: there is no such token.
    """
    token = ApiToken.objects.select_for_update().filter(pk=token_id).first()
    if token is None:
        raise CrmError("There is no such token.")
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def check(
    *, user: User, name: str, scopes: list[str], expires_at: datetime | None, rate: str
) -> None:
    if not user.is_active:
        raise CrmError("A token needs an active user.")
    if not name.strip() or len(name) > 100:
        raise CrmError("Give the token a name of at most 100 characters: what will use it?")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise CrmError(f"Unknown scope {unknown[0]!r}. Known are: {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= timezone.now():
        raise CrmError("The expiry lies in the past.")
    if rate and RATE.fullmatch(rate) is None:
        raise CrmError(f"The rate {rate!r} is not like 600/min, 10/s or 5000/hour.")
