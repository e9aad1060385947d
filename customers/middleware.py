"""Refuse files that nobody may send, before a byte of them is kept."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from crm_project.common.admin.error_pages import error_page
from crm_project.common.api import errors
from crm_project.common.api.parsers import TooLarge

FORM_BYTES = 2**20
"""What a form holds besides its file, at most."""

_API = "/api/"


class UploadLimitMiddleware:
    """Answer 413 to files that are too large, or that somebody sends who may not import.

    Django keeps a form's files on disk before any view is asked, for the sake of the CSRF token
    in the form. Systems that show a token are nobody yet here: the API asks for it first,
    and then looks at the size itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.content_type == "multipart/form-data" and (words := _refusal(request)):
            return _too_large(request, words)
        return self.get_response(request)


def _refusal(request: HttpRequest) -> str:
    """Return in words why the body is not read; empty: it is."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() else 0
    if size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return ""
    if not request.user.is_authenticated and request.path.startswith(_API):
        return ""
    if not request.user.has_perm("customers.add_importbatch"):
        return "Only who may import files can send one."
    if size > settings.CRM_UPLOAD_MAX_BYTES + FORM_BYTES:
        return f"The file is larger than {settings.CRM_UPLOAD_MAX_BYTES:,} bytes."
    return ""


def _too_large(request: HttpRequest, words: str) -> HttpResponse:
    if request.path.startswith(_API):
        found = errors.problem(TooLarge(words), request)
        return JsonResponse(found, content_type=errors.MEDIA_TYPE, status=TooLarge.status_code)
    return error_page(request, TooLarge.status_code, words)
