"""What of an event may go to Sentry. What is not named here stays with us.

Its library adds more each year: the keys of caches, the context of templates, arguments of tasks.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from crm_project.common import tracing

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_OF_DATABASES = ("psycopg", "django.db")
_WITHHELD = "(withheld: it may quote somebody's data)"
_REQUEST = {"method", "url"}
_HEADERS = {"content-type", "host", "user-agent", "x-request-id"}
_LOG = {"message"}
_SPAN = {
    "op", "origin", "parent_span_id", "same_process_as_parent", "span_id", "start_timestamp",
    "status", "timestamp", "trace_id",
}  # fmt: skip
# A span's data is all that was seen: keys, queries of addresses, what a template was given.
_DATA = {
    "db.system", "db.operation", "http.method", "http.response.status_code",
    "messaging.destination.name", "messaging.message.retry.count", "server.address",
}  # fmt: skip
# Spans that are named after our code. Others are named after an address, a key or a command.
_NAMED_BY_CODE = ("event.django", "middleware.", "queue.", "template.", "view.")
_CONTEXTS = {"runtime", "trace"}

_QUOTED = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<name> "[^"]*(?:"|\Z) )
    | \b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)
    | '(?:[^']|'')*(?:'|\Z)
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    """,
    re.DOTALL | re.VERBOSE,
)


def without_personal_data(event: "Event", hint: "Hint") -> "Event":
    """Take out what could name somebody; add the id that leads to our own log."""
    given: dict[str, Any] = event  # type: ignore[assignment] # the library's own is too narrow
    for gone in ("breadcrumbs", "extra", "user"):
        given.pop(gone, None)
    for name, left in _LEFT.items():
        if name in given:
            given[name] = left(given[name])
    for one in given.get("exception", {}).get("values", []):
        if str(one.get("module", "")).startswith(_OF_DATABASES):
            one["value"] = _WITHHELD
    if found := tracing.request_id():
        given.setdefault("tags", {})["request_id"] = found
    return event


def without_values(statement: str) -> str:
    """Return an SQL statement with dots for each text in it; names, numbers and placeholders stay.

    >>> without_values("select \\"a'b\\" from t where code = 'Ada''s' and k = %s limit 5")
    'select "a\\'b" from t where code = \\'…\\' and k = %s limit 5'
    """

    def told(match: re.Match[str]) -> str:
        if match["comment"]:
            return ""
        return match["name"] or "'…'"

    return _QUOTED.sub(told, statement)


def _request(request: Mapping[str, Any]) -> dict[str, Any]:
    headers = request.get("headers") or {}
    kept = {name: value for name, value in headers.items() if name.lower() in _HEADERS}
    return {**_only(request, _REQUEST), "headers": kept}


def _contexts(contexts: Mapping[str, Any]) -> dict[str, Any]:
    kept = _only(contexts, _CONTEXTS)
    if "trace" in kept:
        kept["trace"] = {**kept["trace"], "data": _only(kept["trace"].get("data") or {}, _DATA)}
    return kept


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    kind, named = str(span.get("op", "")), str(span.get("description", ""))
    kept = {**_only(span, _SPAN), "data": _only(span.get("data") or {}, _DATA)}
    if kind == "db":
        kept["description"] = without_values(named)
    elif kind.startswith(_NAMED_BY_CODE):
        kept["description"] = named
    return kept


def _only(given: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in names}


_LEFT: dict[str, Callable[[Any], Any]] = {
    "contexts": _contexts,
    "logentry": partial(_only, names=_LOG),
    "request": _request,
    "spans": lambda spans: [_span(span) for span in spans],
}
