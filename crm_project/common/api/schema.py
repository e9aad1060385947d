"""The OpenAPI description: made from the code, with the errors and scopes that are really sent."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.permissions import AllowAny

from crm_project.common.api.errors import MEDIA_TYPE
from crm_project.common.api.filters import ordering_parameters
from crm_project.common.api.pagination import parameter
from crm_project.common.api.permissions import several
from crm_project.common.api.serializers import Sparse
from crm_project.common.api.views import CrmView

_STRING = {"type": "string"}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "properties": {
        "type": {**_STRING, "description": "Stable name of the kind of error."},
        "title": {**_STRING, "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {**_STRING, "description": "What happened, for people."},
        "instance": {**_STRING, "description": "The request's id, as in X-Request-ID."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["attr", "code", "detail"],
                "properties": {
                    "attr": {
                        **_STRING,
                        "nullable": True,
                        "description": "Dotted path, like items.1.quantity; null: the whole.",
                    },
                    "code": _STRING,
                    "detail": _STRING,
                },
            },
        },
    },
    "example": {
        "type": "urn:crm:problem:validation_error",
        "title": "Bad Request",
        "status": 400,
        "detail": "items.1.quantity: A valid number is required.",
        "instance": "0b1c6e3f5a",
        "errors": [
            {
                "attr": "items.1.quantity",
                "code": "invalid",
                "detail": "A valid number is required.",
            }
        ],
    },
}
_ALWAYS = {
    "400": "The request is wrong; errors say where.",
    "401": "No credentials, or wrong, expired or revoked ones.",
    "403": "The scope is missing.",
    "429": "Too many requests; wait as Retry-After says.",
    "503": "Busy; try again as Retry-After says.",
}
_ON_WRITE = {
    "409": "In conflict with what is stored, or the same request is still running.",
    "413": "The body is too large.",
    "415": "This kind of body is not understood.",
    "422": "The Idempotency-Key was used for another request.",
}
_WRITES = {"POST", "PATCH", "DELETE"}


class ProblemAutoSchema(AutoSchema):
    """Adds what every endpoint shares: scope, headers, parameters and problems."""

    def _get_parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._get_parameters()
        if isinstance(self.view, CrmView):
            found += self._shared_parameters({item["name"] for item in found})
        return found

    def _shared_parameters(self, present: set[str]) -> list[dict[str, Any]]:
        view: Any = self.view
        shared: list[dict[str, Any]] = []
        action = getattr(view, "action", "")
        if action == "list":
            shared += ordering_parameters(view)
        sparse = self._is_sparse()
        if sparse:
            shared.append(parameter("fields", "Only these fields, with commas.", **_STRING))
            shared.append(parameter("brief", "Only the most important fields.", type="boolean"))
        if action == "retrieve" and sparse:
            shared.append(_header("If-None-Match", "304 if the ETag is still this one."))
        if self.method in _WRITES and action not in getattr(view, "keyless_actions", ()):
            shared.append(_header("Idempotency-Key", "Repeats give the same answer for 24 hours."))
            shared.append(_header("X-Change-Reason", "Why; kept in the history of changes."))
        if self.method in {"PATCH", "DELETE"}:
            shared.append(_header("If-Match", "Refuse with 412 unless the ETag is still this one."))
        return [item for item in shared if item["name"] not in present]

    def _is_sparse(self) -> bool:
        """Return whether fields= and brief= are understood here."""
        known = getattr(self.view, "sparse_actions", ()) if _has_brief(self.view) else ()
        return getattr(self.view, "action", "") in known

    def get_description(self) -> str:  # type: ignore[override] # as drf-spectacular calls it
        scopes = " or ".join(f"`{scope}`" for scope in self._scopes())
        text = super().get_description() or ""
        return f"{text}\n\nScope: {scopes}".strip() if scopes else text

    def get_extensions(self) -> dict[str, Any]:
        """Name the scope; where one of several is enough, all of them."""
        scopes = self._scopes()
        return {"x-required-scope": scopes[0] if len(scopes) == 1 else [*scopes]} if scopes else {}

    def _scopes(self) -> tuple[str, ...]:
        scopes = getattr(self.view, "required_scopes", {})
        return several(scopes.get(getattr(self.view, "action", None), ""))

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction=direction)
        known = isinstance(self.view, CrmView) or self._own_problems()
        if direction != "response" or not known:
            return bodies
        problems = {code: self._problem(text) for code, text in self._problem_codes().items()}
        if getattr(self.view, "action", "") == "retrieve" and self._is_sparse():
            problems["304"] = {"description": "Unchanged since the version in If-None-Match."}
        return {**bodies, **{code: p for code, p in problems.items() if code not in bodies}}

    def _postprocess_serializer_schema(
        self, schema: dict[str, Any], serializer: Any, direction: Any
    ) -> dict[str, Any]:
        found: dict[str, Any] = super()._postprocess_serializer_schema(  # type: ignore[no-untyped-call]
            schema, serializer, direction
        )
        if direction == "response" and isinstance(serializer, Sparse):
            # With ``fields=`` none of them is sure to be present.
            found.pop("required", None)
        return found

    def _own_problems(self) -> dict[str, str]:
        """Return what an action answers that differs from the others: status → words."""
        problems = getattr(self.view, "problem_codes", {})
        return dict(problems.get(getattr(self.view, "action", ""), {}))

    def _problem_codes(self) -> dict[str, str]:
        if own := self._own_problems():
            return own
        codes = dict(_ALWAYS)
        if any(isinstance(item, AllowAny) for item in self.view.get_permissions()):
            codes = {"429": codes["429"]}
        if "{" in self.path:
            codes["404"] = "There is nothing with this key."
        if self.method in _WRITES:
            codes |= _ON_WRITE
        if self.method == "PUT":
            # It carries no Idempotency-Key: repeating it is harmless anyway.
            codes |= {status: _ON_WRITE[status] for status in ("409", "413", "415")}
        if getattr(self.view, "action", "") in getattr(self.view, "actions_in_conflict", ()):
            codes["409"] = _ON_WRITE["409"]
        if self.method in {"PATCH", "DELETE"}:
            codes["412"] = "It was changed since the version in If-Match."
        return codes

    def _problem(self, description: str) -> dict[str, Any]:
        component = ResolvedComponent(
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=PROBLEM
        )
        self.registry.register_on_missing(component)
        return {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": component.ref}},
        }


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "crm_project.common.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer crm_<prefix>_<secret>`, with scopes.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "crm_project.common.api.authentication.StaffSessionAuthentication"
    name = "staffSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Staff who are logged in to the admin.",
        }


def without_last_slash(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Show each path once, as the documentation writes it; both spellings work."""
    return [
        (_shown(path), path_regex, method, callback)
        for path, path_regex, method, callback in endpoints
    ]


def _has_brief(view: Any) -> bool:
    return bool(getattr(view, "brief_fields", ()))


def _shown(path: str) -> str:
    return path if path.startswith("/api/v1/rfm") else path.rstrip("/")


def _header(name: str, description: str) -> dict[str, Any]:
    return {**parameter(name, description, **_STRING), "in": "header"}
