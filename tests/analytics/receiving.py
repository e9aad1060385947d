"""A sender of events to the fast application: whole requests, or broken ones, without a network."""

import asyncio
import json
from base64 import b64encode

from analytics.api.receiving.app import ReceiveApp
from analytics.ingest import chunk
from analytics.services.signal_queue import client
from analytics.signal_stream import key
from crm_project.common.services.tokens import issue_token
from tests.factories import UserFactory

UNLIMITED = "9000000/s"
SIGNAL = {"event_type": "view", "customer_id": "C1"}


def ingest_token(*scopes, rate=UNLIMITED, **fields):
    """Return a token for sending and its clear text."""
    return issue_token(
        user=UserFactory(), name="shop", scopes=scopes or ["signals:write"], rate=rate, **fields
    )


class Answer:
    def __init__(self, messages):
        start, *parts = messages
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(part.get("body", b"") for part in parts)

    def json(self):
        return json.loads(self.body)

    def codes(self):
        """Return ``{attr: code}`` of a problem, checking its form."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        found = self.json()
        assert set(found) == {"type", "title", "status", "detail", "instance", "errors"}
        assert found["status"] == self.status
        assert found["instance"] == self.headers["x-request-id"]
        return {error["attr"]: error["code"] for error in found["errors"]}


def talk(secret, conversation):
    """Run ``await conversation(caller)`` with an application of its own; return what it returns."""

    async def whole():
        caller = Caller(secret)
        try:
            return await conversation(caller)
        finally:
            await caller.app.close()

    return asyncio.run(whole())


def post(secret, path, body, *args, **headers):
    """Send one request to an application of its own."""
    return talk(secret, lambda caller: caller.post(path, body, *args, **headers))


class Caller:
    """Sends requests to one application; ``await`` each, or many at once."""

    def __init__(self, secret, app=None):
        self.secret = secret
        self.app = app or ReceiveApp()

    async def post(self, path, body, content_type="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.send(path, [data], content_type, **headers)

    async def send(self, path, parts, content_type="application/json", **headers):
        """Send a body in parts; an exception among them is raised, None is a hang-up."""
        left = list(parts)

        async def receive():
            if not left:
                return {"type": "http.disconnect"}
            part = left.pop(0)
            if part is None:
                return {"type": "http.disconnect"}
            if asyncio.iscoroutine(part):
                await part
                part = b""
            return {"type": "http.request", "body": part, "more_body": bool(left)}

        messages = []

        async def send(message):
            messages.append(message)

        await self.app(self._scope(path, content_type, headers), receive, send)
        return Answer(messages) if messages else None

    def _scope(self, path, content_type, headers):
        named = {"authorization": f"Bearer {self.secret}", "content-type": content_type}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return {
            "type": "http",
            "method": "POST",
            "path": path,
            "client": ("192.0.2.1", 5000),
            "headers": [
                (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
                for name, value in named.items()
                if value is not None
            ],
        }


def basic(secret):
    return "Basic " + b64encode(f"{secret}:".encode()).decode()


def queued():
    """Return all envelopes that wait in the queue, in their order."""
    return [
        envelope for _, fields in client().xrange(key()) for envelope in chunk.decode(fields[b"c"])
    ]
