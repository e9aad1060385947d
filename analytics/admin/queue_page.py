"""The live page of the queue. The first view is complete without JavaScript; the second is asked
every two seconds by the page's script and says the same as texts and shapes."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from analytics.admin.queue_shown import shown
from analytics.selectors.signal_queue import queue_stats

PERMISSION = "analytics.view_signal"
EVERY_SECONDS = 2


def queue_view(request: HttpRequest) -> HttpResponse:
    """Show the state of the queue now."""
    _check(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Signal queue",
        "queue": shown(queue_stats()),
        "every": EVERY_SECONDS,
        "data_url": reverse("admin:analytics_signal_queue_data"),
    }
    return TemplateResponse(request, "crm/queue.html", context)


def queue_data_view(request: HttpRequest) -> HttpResponse:
    """Answer what changes on the page, as JSON."""
    _check(request)
    response = JsonResponse(shown(queue_stats()).data())
    response["Cache-Control"] = "no-store"
    return response


def _check(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
