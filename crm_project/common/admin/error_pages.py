"""What people see instead of a page: what happened, in words, and what to do about it.

The answers of the REST interface are `crm_project.common.api.errors`.
"""

from http import HTTPStatus

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse

OUTDATED = (
    "The form was open for too long, you have signed in anew since, or the browser sends no"
    " cookies. Go back, load the page again and send the form once more."
)


def error_page(request: HttpRequest, status: int, words: str) -> HttpResponse:
    """Return an error as a page of the admin for staff, as one bare sentence for all others."""
    title = HTTPStatus(status).phrase
    if not request.path.startswith(reverse("admin:index")):
        return HttpResponse(f"{title}. {words}\n", content_type="text/plain", status=status)
    shown = {"title": title, "words": words, "number": _number(request)}
    user = getattr(request, "user", None)
    if user is None or not admin.site.has_permission(request):
        return render(request, "crm/error_outside.html", shown, status=status)
    shown |= admin.site.each_context(request) | {"title": title}
    return render(request, "crm/error.html", shown, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what cannot be read. Nothing of it is shown: it may be anything."""
    return error_page(request, 400, "The request cannot be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer somebody who may not."""
    why = str(exception) or "You may not see or do this; whoever looks after the groups can help."
    return error_page(request, 403, why)


def outdated_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that does not show that it comes from our own page."""
    return error_page(request, 403, OUTDATED)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address where there is nothing (any more)."""
    return error_page(request, 404, "There is nothing here, or not any more.")


def broken(request: HttpRequest) -> HttpResponse:
    """Answer what nobody foresaw. Asks neither the database nor who it is: either may be why."""
    shown = {
        "title": "Something went wrong",
        "words": "It has been written down. Try again in a while.",
        "number": _number(request),
    }
    return HttpResponse(render_to_string("crm/error_outside.html", shown), status=500)


def _number(request: HttpRequest) -> str:
    return str(request.META.get("crm.request_id", ""))
