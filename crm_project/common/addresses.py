"""Where a request comes from, seen past our own proxies and nobody else's."""

import ipaddress

from django.http import HttpRequest
from rest_framework.settings import api_settings


def client_address(request: HttpRequest) -> str | None:
    """Return the address of who asks: the entry that the outermost of our proxies added.

    ``CRM_PROXIES`` says how many of ours there are. With none, ``X-Forwarded-For`` is what
    anybody may write and is not read.
    """
    direct = plain(request.META.get("REMOTE_ADDR") or "")
    proxies = api_settings.NUM_PROXIES or 0
    entries = request.headers.get("X-Forwarded-For", "").split(",")
    if proxies < 1 or len(entries) < proxies:
        return direct
    return plain(entries[-proxies]) or direct


def plain(entry: str) -> str | None:
    """Return the address of an entry, without the port that some proxies add; None: there is none.

    >>> plain(" 192.0.2.7:51234 "), plain("[2001:db8::7]:443"), plain("fe80::1%eth0")
    ('192.0.2.7', '2001:db8::7', 'fe80::1')
    >>> plain("unknown") is None
    True
    """
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
