"""The page that shows how the database is doing."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from crm_project.common.selectors.database_check import findings, names
from crm_project.common.selectors.database_report import report

PERMISSION = "common.view_database"
_NUMBERS = {"count", "size", "percent", "ms", "seconds"}


def database_view(request: HttpRequest) -> HttpResponse:
    """Show what is wrong first, then every part of the report."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    overview, *parts = report()
    context = {
        **admin.site.each_context(request),
        "title": "Database",
        "now": timezone.now(),
        "findings": findings(),
        "checks": len(names()),
        "overview": overview.shown,
        "parts": [
            {
                "section": part,
                "columns": part.columns,
                "rows": [
                    [
                        (column, value, column.kind in _NUMBERS)
                        for column, value in zip(part.columns, row, strict=True)
                    ]
                    for row in part.shown
                ],
                "numbers": _NUMBERS,
            }
            for part in parts
        ],
    }
    return TemplateResponse(request, "crm/database.html", context)
