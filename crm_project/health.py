"""Is this process alive, can it do its work, and how much of it is there?

``/livez`` asks nobody: a slow database must not make the platform restart the web server.
``/readyz`` says whether requests can be served. ``/metrics`` is for Prometheus.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from analytics.metrics import SignalMetrics
from crm_project.common.metrics import JobMetrics
from crm_project.common.metrics_database import DatabaseMetrics

QUEUE_SECONDS = 2
"""How long the queue may take to answer."""
FREE_BYTES = 32 * 2**20
"""With less room than this an upload or a sorted import would fail half-way."""

COLLECTORS = (JobMetrics(), SignalMetrics(), DatabaseMetrics())
for _collector in COLLECTORS:
    REGISTRY.register(_collector)


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process can."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, tables and queue are there; 503 with what is missing, in words."""
    found = {name: check() for name, check in _CHECKS.items()}
    ready = not any(found.values())
    return JsonResponse(
        {
            "status": "ready" if ready else "not ready",
            "checks": {name: trouble or "ok" for name, trouble in found.items()},
        },
        status=200 if ready else 503,
    )


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus, to those who know ``CRM_METRICS_TOKEN``; to others: not found."""
    expected = f"Bearer {settings.CRM_METRICS_TOKEN}".encode()
    given = request.headers.get("Authorization", "").encode()
    if not settings.CRM_METRICS_TOKEN or not secrets.compare_digest(given, expected):
        raise Http404
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """Return what this process counts, or with the other processes of its web server together.

    Which of them answers Prometheus is chance. Where each told only of itself, numbers that only
    grow would jump from one's to the other's, and no rate of them would be right.
    """
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    found = CollectorRegistry()
    MultiProcessCollector(found)  # type: ignore[no-untyped-call] # untyped package
    for collector in COLLECTORS:
        found.register(collector)
    return found


_PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/livez": livez,
    "/readyz": readyz,
    "/metrics": metrics,
}


class ProbeMiddleware:
    """Answer probes and Prometheus before anything asks for a host name or for TLS.

    They come from inside and call a pod by its address, which is in no list of allowed hosts.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = _PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        try:
            return probe(request)
        except Http404:
            return HttpResponse(status=404)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return "The database does not answer."
    return ""


class _Migrations:
    """Whether the tables fit the code. Once they do, this process need not look again."""

    def __init__(self) -> None:
        self._fit = False

    def __call__(self) -> str:
        if self._fit:
            return ""
        try:
            executor = MigrationExecutor(connection)
        except DatabaseError:
            return "Not known while the database does not answer."
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        self._fit = not missing
        return f"{missing} migrations are not applied: run manage.py migrate." if missing else ""


def _queue() -> str:
    limits = {"socket_timeout": QUEUE_SECONDS, "socket_connect_timeout": QUEUE_SECONDS}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **limits) as client:
            client.ping()
    except redis.RedisError:
        return "The queue does not answer."
    return ""


def _disk() -> str:
    for folder in {tempfile.gettempdir(), str(settings.CRM_UPLOAD_DIR)}:
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            continue  # made with the first upload
        if free < FREE_BYTES:
            return f"Less than {FREE_BYTES // 2**20} MiB are free in {folder}."
    return ""


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _Migrations(),
    "queue": _queue,
    "disk": _disk,
}
