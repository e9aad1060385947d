"""Pages. One envelope everywhere: ``count``, ``next``, ``previous``, ``results``.

``limit`` is 50 unless given, and never more than 500: a larger one is lowered, not refused.
Cursors stand on an indexed order that ends with the primary key, so that the last page costs what
the first does. They carry no total; ``count`` is null.
"""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
# Counting stops here: a list of a million rows must not be walked for its number.
COUNT_UP_TO = 100_000
MAX_OFFSET = 100_000
BROKEN = "Use the cursor of a next or previous link, with the same ordering."
_LIMIT_TEXT = (
    f"Rows per page. {DEFAULT_LIMIT} unless given; more than {MAX_LIMIT} gives {MAX_LIMIT}."
)


def parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """Return an optional query parameter as OpenAPI describes it."""
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


def whole_number(request: Request, name: str, default: int, *, minimum: int) -> int:
    """Read a number from the query; a ValidationError names the parameter."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or int(text) < minimum:
        raise exceptions.ValidationError({name: [f"Give a whole number from {minimum} on."]})
    return int(text)


class _Enveloped(BasePagination):
    parameters: Sequence[str] = ()

    request: Request
    count: int | None = None

    def next_link(self) -> str | None:
        raise NotImplementedError

    def previous_link(self) -> str | None:
        raise NotImplementedError

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "count": self.count,
                "next": self.next_link(),
                "previous": self.previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {"type": "integer", "nullable": True, "description": self._count_text()},
                "next": link,
                "previous": link,
                "results": schema,
            },
        }

    def _count_text(self) -> str:
        return f"Rows in the whole list; null above {COUNT_UP_TO} rows and with a cursor."


class CursorPagination(_Enveloped):
    """Pages by position in an indexed order. The view names the orders in ``cursor_orderings``."""

    parameters = ("limit", "cursor")

    def paginate_queryset(  # type: ignore[override] # one model per view
        self, queryset: QuerySet[Model], request: Request, view: APIView | None = None
    ) -> list[Model]:
        self.request = request
        self.limit = self.wanted_limit(request)
        self.fields = tuple(str(name) for name in queryset.query.order_by)
        self.backwards, position = self._decode(request.query_params.get("cursor", ""))
        fields = _reversed(self.fields) if self.backwards else self.fields
        rows = queryset.order_by(*fields)
        if position is not None:
            rows = _after(rows, fields, position)
        return self.cut(list(rows[: self.limit + 1]), started=position is not None)

    def wanted_limit(self, request: Request) -> int:
        return min(whole_number(request, "limit", DEFAULT_LIMIT, minimum=1), MAX_LIMIT)

    def cut(self, found: list[Any], *, started: bool) -> list[Any]:
        """Keep a page of the rows that were read, one more than it holds; know its neighbours."""
        self.more = len(found) > self.limit
        self.started = started
        self.page = found[: self.limit][:: -1 if self.backwards else 1]
        return self.page

    def next_link(self) -> str | None:
        return self._link(self.page[-1], "n") if self.page and self._has_next() else None

    def previous_link(self) -> str | None:
        return self._link(self.page[0], "p") if self.page and self._has_previous() else None

    def _has_next(self) -> bool:
        return self.more if not self.backwards else self.started

    def _has_previous(self) -> bool:
        return self.more if self.backwards else self.started

    def _link(self, row: Any, direction: str) -> str:
        return position_link(self.request, row, self.fields, direction)

    def _decode(self, text: str) -> tuple[bool, list[Any] | None]:
        if not text:
            return False, None
        try:
            padded = text + "=" * (-len(text) % 4)
            direction, fields, values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
            if direction not in {"n", "p"} or tuple(fields) != self.fields:
                raise ValueError
            return direction == "p", [_typed(value) for value in values]
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise exceptions.ValidationError({"cursor": [BROKEN]}) from error

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            parameter("limit", _LIMIT_TEXT, type="integer", minimum=1),
            parameter(
                "cursor", "Position taken from a next or previous link; count is then null.",
                type="string",
            ),
        ]  # fmt: skip

    def _count_text(self) -> str:
        return "Always null: this list is paged by cursor."


class LimitPagination(_Enveloped):
    """Pages by ``limit`` and ``offset`` with a count, or by ``cursor`` where one is given.

    ``cursor=`` (empty) starts the walk that never slows down.
    """

    parameters = ("limit", "offset", "cursor")

    def __init__(self) -> None:
        self.by_cursor: CursorPagination | None = None

    def paginate_queryset(  # type: ignore[override] # one model per view
        self, queryset: QuerySet[Model], request: Request, view: APIView | None = None
    ) -> list[Model]:
        self.request = request
        if "cursor" in request.query_params:
            if "offset" in request.query_params:
                raise exceptions.ValidationError({"offset": ["Give cursor or offset, not both."]})
            self.by_cursor = CursorPagination()
            return self.by_cursor.paginate_queryset(queryset, request, view)
        self.limit = min(whole_number(request, "limit", DEFAULT_LIMIT, minimum=1), MAX_LIMIT)
        self.offset = whole_number(request, "offset", 0, minimum=0)
        if self.offset > MAX_OFFSET:
            raise exceptions.ValidationError(
                {"offset": [f"Above {MAX_OFFSET}, page with cursor= instead of offset."]}
            )
        # Counted without the order and the columns, and only up to a bound.
        counted = queryset.order_by().values("pk")[: COUNT_UP_TO + 1].count()
        self.count = counted if counted <= COUNT_UP_TO else None
        found = list(queryset[self.offset : self.offset + self.limit + 1])
        self.more = len(found) > self.limit
        self.page = found[: self.limit]
        self.fields = tuple(str(name) for name in queryset.query.order_by)
        return self.page

    def next_link(self) -> str | None:
        if self.by_cursor:
            return self.by_cursor.next_link()
        return self._link(self.offset + self.limit) if self.more else None

    def previous_link(self) -> str | None:
        if self.by_cursor:
            return self.by_cursor.previous_link()
        return self._link(max(0, self.offset - self.limit)) if self.offset else None

    def _link(self, offset: int) -> str:
        url = replace_query_param(self.request.build_absolute_uri(), "limit", self.limit)
        if offset == 0:
            return remove_query_param(url, "offset")
        if offset > MAX_OFFSET:
            # Too deep for an offset: the walk goes on by position.
            return remove_query_param(
                position_link(self.request, self.page[-1], self.fields, "n"), "offset"
            )
        return replace_query_param(url, "offset", offset)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            parameter("limit", _LIMIT_TEXT, type="integer", minimum=1),
            parameter(
                "offset", f"Rows to pass over, up to {MAX_OFFSET}.", type="integer", minimum=0
            ),
            parameter(
                "cursor", "Empty to start paging by position, then from next. Count is null.",
                type="string",
            ),
        ]  # fmt: skip


def position_link(request: Request, row: Any, fields: Sequence[str], direction: str) -> str:
    """Return the URL of the page after (``n``) or before (``p``) a row."""
    values = [_plain(getattr(row, name.lstrip("-"))) for name in fields]
    text = json.dumps([direction, list(fields), values], separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def _after(
    rows: QuerySet[Model], fields: Sequence[str], position: Sequence[Any]
) -> QuerySet[Model]:
    """Filter to the rows beyond a position that a caller sent, and may have tampered with."""
    try:
        return rows.filter(_beyond(fields, position))
    except (ValueError, TypeError, OverflowError, ValidationError) as error:
        raise exceptions.ValidationError({"cursor": [BROKEN]}) from error


def _reversed(fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in fields)


def _beyond(fields: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the rows after a position, in a form that walks the index on these fields.

    For (a, id): ``a >= x AND (a > x OR (a = x AND id > y))``.
    """
    if len(fields) != len(values):
        raise ValueError("too few or too many values")
    name, lookup = fields[0].lstrip("-"), "lt" if fields[0].startswith("-") else "gt"
    strict = Q(**{f"{name}__{lookup}": values[0]})
    if len(fields) == 1:
        return strict
    equal_then = Q(**{name: values[0]}) & _beyond(fields[1:], values[1:])
    return Q(**{f"{name}__{lookup}e": values[0]}) & (strict | equal_then)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    return str(value) if isinstance(value, UUID | Decimal) else value


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        moment = datetime.fromisoformat(value["t"])
        if moment.tzinfo is None:
            raise ValueError("a time without zone")
        return moment
    if not isinstance(value, str | int) or (isinstance(value, str) and "\x00" in value):
        raise ValueError("not a position")
    return value
