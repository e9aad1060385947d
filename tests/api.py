"""A caller of the API for tests: a Django client with a bearer token that never hits its rate."""

from django.test import Client

from crm_project.common.scopes import SCOPES
from crm_project.common.services.tokens import issue_token
from tests.factories import UserFactory

UNLIMITED = "9000000/s"


class Api:
    def __init__(self, *scopes, user=None, rate=UNLIMITED):
        self.user = user or UserFactory()
        self.token, self.secret = issue_token(
            user=self.user, name="tests", scopes=scopes or SCOPES, rate=rate
        )
        self.client = Client(raise_request_exception=True)
        self.headers = {}

    def with_scopes(self, *scopes, **kwargs):
        """Return another token of the same user; without arguments, one that may do nothing."""
        other = Api("customers:read", user=self.user, **kwargs)
        other.token.scopes = list(scopes)
        other.token.save()
        return other

    def call(self, method, path, data=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"Bearer {self.secret}")
        body = {} if data is None else {"data": data, "content_type": "application/json"}
        return getattr(self.client, method)(f"/api/v1/{path}", headers=named, **body)

    def get(self, path, query=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"Bearer {self.secret}")
        return self.client.get(f"/api/v1/{path}", query or {}, headers=named)

    def post(self, path, data=None, **headers):
        return self.call("post", path, {} if data is None else data, **headers)

    def patch(self, path, data, **headers):
        return self.call("patch", path, data, **headers)

    def delete(self, path, **headers):
        return self.call("delete", path, **headers)


def errors(response):
    """Return the problem's errors as ``{attr: code}``, checking its form."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "instance", "errors"}
    assert body["status"] == response.status_code
    assert body["instance"] == response["X-Request-ID"]
    return {error["attr"]: error["code"] for error in body["errors"]}
