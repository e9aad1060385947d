"""Send requests that only look at customers' data to the replica, and those who wrote not too soon.

A request may read from the replica if it changes nothing and its page tolerates a lag. Whoever got
an answer from the primary is remembered with the place that its log had reached: from then on, they
read from the replica only once it has replayed that place. So nobody misses what they wrote, and
nobody sees time go backwards. What fails while reading from the replica is answered again
by the primary.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter
from redis.exceptions import RedisError

from crm_project.common.replicas.freshness import NOWHERE, freshness, written_until
from crm_project.common.replicas.router import REPLICA, reads_from_replica

API = "/api/v1/"
PRIMARY_ONLY = ("/api/v1/jobs", "/api/v1/ingest", "/api/v1/signals/receipts")
"""What follows work that goes on: whoever polls must not read of its end before its result."""

ADMIN = re.compile(
    r"/admin/(\w+/\w+/"
    r"((\d+/)?(audit|compare|glossary|grid|movement|outcomes|why|why-not)/|timeline/\d+/)?)?"
)
"""The front page, lists and reports; all else is for changing something, or may become so."""

REMEMBERED = max(300, int(2 * settings.CRM_REPLICA_MAX_LAG_SECONDS))
"""Seconds for which a place is kept for whoever wrote; a replica that late is not read anyway."""

SERVED = Counter(
    "crm_replica_requests", "Requests by the server that answered them.", labelnames=["by"]
)


class ReplicaMiddleware:
    """Choose the server of each request; absent where there is no replica."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if REPLICA not in settings.DATABASES:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reader = _reader(request)
        if may_lag(request) and freshness.has(_seen(reader)):
            response = self._from_replica(request)
            if response is not None:
                return response
        response = self.get_response(request)
        SERVED.labels("primary").inc()
        _remember(reader)
        return response

    def _from_replica(self, request: HttpRequest) -> HttpResponse | None:
        with reads_from_replica():
            response = self.get_response(request)
        if response.status_code < 500:
            SERVED.labels("replica").inc()
            return response
        # Whatever it was: the primary may know better, and looking twice changes nothing.
        freshness.failed(f"a request ended with {response.status_code}")
        SERVED.labels("again").inc()
        return None


def may_lag(request: HttpRequest) -> bool:
    """Return whether a request only looks, at something that may be some seconds old.

    Lists, reports and everything that the API tells of customers, orders, analytics and
    recommendations. Not: pages that show one object to be edited, and forms.
    """
    if request.method not in {"GET", "HEAD"}:
        return False
    path = request.path
    if path.startswith(API):
        return not path.startswith(PRIMARY_ONLY)
    return ADMIN.fullmatch(path) is not None


def _reader(request: HttpRequest) -> str:
    """Return who asks: a session or a credential, hashed; empty for nobody."""
    name = request.headers.get("Authorization") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME, ""
    )
    return hashlib.sha256(name.encode()).hexdigest()[:32] if name else ""


def _seen(reader: str) -> int:
    """Return the place of the log that a reader must find; past all where nobody can tell."""
    if not reader:
        return 0
    try:
        place: Any = cache.get(f"replica:{reader}")
    except RedisError:
        return NOWHERE
    return int(place or 0)


def _remember(reader: str) -> None:
    if not reader:
        return
    try:
        cache.set(f"replica:{reader}", written_until(), REMEMBERED)
    except (DatabaseError, RedisError):
        # The answer has said already that a server is away.
        return
