"""Filters that are declared once; what is not declared is refused by name."""

from collections.abc import Collection
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django_filters.rest_framework.backends import DjangoFilterBackend
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from crm_project.common.api.pagination import parameter


class StrictFilterBackend(DjangoFilterBackend):
    """The view's filterset, and ``ordering`` from the view's whitelist with the key as last word.

    ``ordering_fields`` lists what a list may be ordered by; each is served by an index.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Model], view: APIView
    ) -> QuerySet[Model]:
        found: QuerySet[Model] = super().filter_queryset(  # type: ignore[no-untyped-call]
            request, queryset, view
        )
        return found.order_by(*self.ordering(request, view))

    def ordering(self, request: Request, view: APIView) -> list[str]:
        allowed: Collection[str] = getattr(view, "ordering_fields", ())
        wanted = request.query_params.get("ordering", "")
        names = wanted.split(",") if wanted else list(getattr(view, "default_ordering", ["id"]))
        for name in names:
            if wanted and name.removeprefix("-") not in allowed:
                raise exceptions.ValidationError(
                    {"ordering": [f"Order by one of: {', '.join(allowed)}; a - turns it round."]}
                )
        if len(names) > 1 and wanted:
            raise exceptions.ValidationError({"ordering": ["Order by one field only."]})
        unique: Collection[str] = getattr(view, "unique_ordering", {"id"})
        if names[-1].removeprefix("-") not in unique:
            names.append("-id" if names[-1].startswith("-") else "id")
        return names

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return ordering_parameters(view)


def add_filter(filterset: type[Any], name: str, added: Any) -> None:
    """Let a higher app offer a filter on a lower app's list: one name, one owner.

    Raises ``ValueError`` when the filterset has another filter of this name.
    """
    known = filterset.base_filters.get(name)
    if known is not None and known is not added:
        raise ValueError(f"{filterset.__name__} has a filter {name!r} already.")
    added.field_name = added.field_name or name
    filterset.base_filters[name] = added


def ordering_parameters(view: APIView) -> list[dict[str, Any]]:
    allowed = getattr(view, "ordering_fields", ())
    if not allowed:
        return []
    choices = [sign + name for name in allowed for sign in ("", "-")]
    return [parameter("ordering", "A - turns it round.", type="string", enum=choices)]


def check_parameters(request: Request, known: Collection[str]) -> None:
    """Raise a ValidationError that names each query parameter nobody declared, or given twice."""
    wrong: dict[str, list[str]] = {}
    for name, values in request.query_params.lists():
        if name not in known:
            wrong[name] = ["Unknown parameter."]
        elif len(values) > 1:
            wrong[name] = ["Given more than once."]
        elif any("\x00" in value for value in values):
            wrong[name] = ["NUL characters are not allowed."]
    if wrong:
        raise exceptions.ValidationError(
            {name: [exceptions.ErrorDetail(text[0], "unknown_parameter" if "Unknown" in text[0]
                                           else "invalid")] for name, text in wrong.items()}
        )  # fmt: skip


def chosen_fields(
    request: Request, available: Collection[str], brief: Collection[str]
) -> set[str] | None:
    """Return the fields that ``fields=`` or ``brief=true`` asks for; None: all of them."""
    names = request.query_params.get("fields")
    short = request.query_params.get("brief", "false").lower()
    if short not in {"true", "false", "1", "0"}:
        raise exceptions.ValidationError({"brief": ["Give true or false."]})
    if names is None:
        return set(brief) if short in {"true", "1"} and brief else None
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in available]:
        raise exceptions.ValidationError(
            {"fields": [f"Unknown field {unknown[0][:50]!r}. Known are: {', '.join(available)}."]}
        )
    return set(wanted)


def server_time() -> str:
    """Return a time that no change still being written can fall before: for ``modified_since``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(clock_timestamp(), min(xact_start)) FROM pg_stat_activity"
            " WHERE backend_xid IS NOT NULL AND datname = current_database()"
        )
        row = cursor.fetchone()
    return str(row[0].isoformat()) if row else ""
