"""Receiving signals over HTTP: authenticated, validated, on the queue's disk before the answer.

Ours: the web server as it runs in production. Limit: the same server, with as many processes,
answering ``{}``. Both under 300 connections from one generator on the same machine, in turn. Each
event has a message id of its own; the queue runs with ``appendfsync always``.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import median
from time import monotonic, sleep
from uuid import uuid4

from analytics.services.signal_queue import client, durability
from benchmarks.framework import Row, Scale
from benchmarks.load import MARK, Load, Target, generator, send
from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from crm_project.common.services.tokens import issue_token, revoke_token

CONNECTIONS = 300
BATCH = 1_000
SINGLES_AIM, BATCHES_AIM = 4_000, 1_000_000
START_SECONDS = 60
EVENT = (
    '{"event_type":"product_viewed","customer_id":"C0012345","message_id":"bench-%s-' + MARK + '",'
    '"occurred_at":"2026-01-31T12:00:00.123Z","signal_data":{"product_id":"85123A","price":2.55,'
    '"channel":"web","metadata":{"interactionCount":4}}}'
)


def run(scale: Scale) -> list[Row]:
    """Measure single requests with one and two processes, then batches."""
    if wrong := durability():
        raise CrmError(wrong)
    spent = 5 if scale.name == "small" else 20
    with _token() as token:
        singles = [
            _singles(token, workers=workers, rounds=scale.rounds, spent=spent) for workers in (1, 2)
        ]
        return [*singles, _batches(token, spent)]


def _processes(workers: int) -> str:
    return "1 process" if workers == 1 else f"{workers} processes"


def _event() -> str:
    return EVENT % uuid4().hex[:12]


def _singles(token: str, *, workers: int, rounds: int, spent: int) -> Row:
    ours: list[Load] = []
    limit: list[Load] = []
    with (
        _queue(),
        _server("crm_project.asgi", workers) as port,
        _server("benchmarks.empty_site", workers) as empty,
    ):
        for turn in range(rounds + 1):
            for loads, at in ((ours, port), (limit, empty)):
                target = Target(at, "/api/v1/signals", token, _event())
                found = send(target, connections=CONNECTIONS, seconds=spent if turn else 2)
                # The first round warms up.
                loads += [found] if turn else []
    worst = max(ours, key=lambda load: load.p99)
    errors = sum(load.errors for load in ours)
    return Row(
        f"single requests, {CONNECTIONS} connections, {_processes(workers)}",
        median(load.rate for load in ours), "/s",
        limit=median(load.rate for load in limit), at_most_limit=0.3, higher_is_better=True,
        note=f"p50 {median(load.p50 for load in ours):.0f} ms, p99 {worst.p99:.0f} ms,"
        f" {errors} errors; aim {SINGLES_AIM:,}/s, 250 ms; {generator()}",
    )  # fmt: skip


def _batches(token: str, spent: int) -> Row:
    body = '{"signals":[' + ",".join(_event() for _ in range(BATCH)) + "]}"
    with _queue(), _server("crm_project.asgi", 2) as port:
        target = Target(port, "/api/v1/signals/batch", token, body)
        found = send(target, connections=4, seconds=spent)
    return Row(
        f"batches of {BATCH:,}, 4 connections, 2 processes", found.rate * BATCH * 60, "events/min",
        higher_is_better=True, note=f"{found.note}; aim {BATCHES_AIM:,} a minute",
    )  # fmt: skip


@contextmanager
def _token() -> Iterator[str]:
    user, _ = User.objects.get_or_create(username="benchmark")
    token, clear = issue_token(
        user=user, name="benchmark", scopes=["signals:write"], rate="9000000/s"
    )
    try:
        yield clear
    finally:
        revoke_token(token_id=token.pk)


@contextmanager
def _queue() -> Iterator[None]:
    """Send into a queue of its own, which nobody empties meanwhile, and remove it."""
    prefix = os.environ["CRM_QUEUE_PREFIX"] = f"bench:{uuid4().hex}"
    try:
        yield
    finally:
        for key in client().scan_iter(f"{prefix}*"):
            client().unlink(key)


@contextmanager
def _server(module: str, workers: int) -> Iterator[int]:
    """Serve with as many processes, on a free port, until the work is done."""
    port = _free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws"]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "error"]
    limits = {"CRM_QUEUE_MAX_EVENTS": "100000000", "CRM_QUEUE_MAX_BYTES": str(8 * 1024**3)}
    server = subprocess.Popen([*command, f"{module}:application"], env=os.environ | limits)
    try:
        _wait(port, workers)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, workers: int) -> None:
    end = monotonic() + START_SECONDS
    while True:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                # All processes share the port: the others are about as far.
                sleep(workers)
                return
        if monotonic() > end:
            raise CrmError("The web server did not start.")
        sleep(0.1)
