"""Requests with events, for Prometheus: Django's own counts do not see them."""

from functools import cache
from typing import Any

from prometheus_client import Counter

from analytics.services.signal_endpoints import Endpoint

REQUESTS = Counter(
    "crm_receive_requests",
    "Requests with events, by address and status; 0: the sender hung up.",
    ["endpoint", "status"],
)


def count(endpoint: Endpoint, status: int) -> None:
    _counter(endpoint.name, status).inc()


@cache
def _counter(endpoint: str, status: int) -> Any:
    return REQUESTS.labels(endpoint, str(status))
