"""Guessing passwords: what is refused beyond "five failures of one name from one address".

Somebody with a list of names tries one password at each; somebody with many addresses tries many
at one. Both are counted from the same rows, which the page "Access attempts" shows.
"""

import ipaddress
from datetime import timedelta
from typing import Any

import structlog
from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt, AccessLog
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

FAILURES_OF_AN_ADDRESS = 50
"""Of all names together, within the cool-off: more than an office mistypes in a morning."""
FAILURES_OF_A_NAME = 50
"""From all addresses together. Those from which somebody has signed in before go on working."""
KNOWN_FOR = timedelta(days=90)
LONGEST_NAME = 150

logger = structlog.get_logger(__name__)


class SignInHandler(AxesDatabaseHandler):
    """Axes' own counting, and the two limits above. The setting ``AXES_HANDLER``."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        if super().is_locked(request, credentials):
            return True
        address = str(getattr(request, "axes_ip_address", "") or "")
        name = name_of(request, credentials)
        return _too_many_of_address(request, address) or _too_many_of_name(request, name, address)

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        """Count it, and log that it was so: neither name nor address, which the page has."""
        super().user_login_failed(sender, credentials, request, **kwargs)
        locked = bool(getattr(request, "axes_locked_out", False))
        logger.warning("sign_in_failed", locked=locked)


def name_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the name that somebody typed, no longer than one can be (``AXES_USERNAME_CALLABLE``).

    The form does not refuse longer ones, and the table of attempts has no room for them.
    """
    given = (credentials or {}).get("username") or request.POST.get("username") or ""
    return str(given)[:LONGEST_NAME]


def network(address: str) -> tuple[str, str]:
    """Return the first and last address of whoever asks: of IPv6 one has a whole /64.

    >>> network("192.0.2.7")
    ('192.0.2.7', '192.0.2.7')
    >>> network("2001:db8::5")
    ('2001:db8::', '2001:db8::ffff:ffff:ffff:ffff')
    """
    found = ipaddress.ip_address(address)
    if found.version == 4 or found.ipv4_mapped is not None:
        return address, address
    block = ipaddress.ip_network((found, 64), strict=False)
    return str(block[0]), str(block[-1])


def _failures(request: HttpRequest, **which: Any) -> int:
    recent = AccessAttempt.objects.filter(
        attempt_time__gte=get_cool_off_threshold(request), **which
    )
    return int(recent.aggregate(failures=Sum("failures_since_start"))["failures"] or 0)


def _too_many_of_address(request: HttpRequest, address: str) -> bool:
    return bool(address) and (
        _failures(request, ip_address__range=network(address)) >= FAILURES_OF_AN_ADDRESS
    )


def _too_many_of_name(request: HttpRequest, name: str, address: str) -> bool:
    if not name or _failures(request, username=name) < FAILURES_OF_A_NAME:
        return False
    return not _signed_in_before(name, address).exists()


def _signed_in_before(name: str, address: str) -> QuerySet[Any]:
    found: QuerySet[Any] = AccessLog.objects.filter(
        username=name, ip_address=address or None, attempt_time__gte=timezone.now() - KNOWN_FOR
    )
    return found
