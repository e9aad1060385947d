"""Where a request comes from, seen past our own proxies and nobody else's."""

from django.http import HttpRequest
from rest_framework.settings import api_settings


def client_address(request: HttpRequest) -> str | None:
    """Return the address of who asks: the entry that the outermost of our proxies added.

    ``CRM_PROXIES`` says how many of ours there are. With none, ``X-Forwarded-For`` is what
    anybody may write and is not read.
    """
    direct: str | None = request.META.get("REMOTE_ADDR")
    proxies = api_settings.NUM_PROXIES or 0
    entries = [entry.strip() for entry in request.headers.get("X-Forwarded-For", "").split(",")]
    if proxies < 1 or len(entries) < proxies or not entries[-proxies]:
        return direct
    return entries[-proxies]
