"""One shape for every error: ``application/problem+json`` (RFC 9457) with a list of errors.

Nothing internal leaves the house: no traceback, no SQL, no constraint text.
"""

import math
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from django.core import exceptions as django_errors
from django.core.signals import got_request_exception
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest
from drf_standardized_errors.formatter import flatten_errors
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from crm_project.common.api.parsers import TooLarge
from crm_project.common.exceptions import ConflictError, CrmError, NotReadyError

logger = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = 5


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "This conflicts with what is stored."
    default_code = "conflict"


class PreconditionFailed(exceptions.APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "It was changed since you read it. Read it again, then repeat your change."
    default_code = "precondition_failed"


class Unprocessable(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This cannot be processed."
    default_code = "unprocessable"


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The server is busy. Please try again in a few seconds."
    default_code = "unavailable"
    wait = _RETRY_SECONDS


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever was raised into a problem; what nobody foresaw is logged and becomes 500."""
    request = context.get("request")
    http_request = getattr(request, "_request", request)
    known = _known(exc)
    if known is None:
        logger.error("unexpected error in the API", exc_info=exc)
        got_request_exception.send(sender=None, request=http_request)
        known = exceptions.APIException("Something went wrong here. It was logged.", "error")
    set_rollback()
    response = Response(
        problem(known, http_request), status=known.status_code, content_type=MEDIA_TYPE
    )
    if header := getattr(known, "auth_header", None):
        response["WWW-Authenticate"] = header
    if (wait := getattr(known, "wait", None)) is not None:
        response["Retry-After"] = str(max(1, math.ceil(wait)))
    return response


def problem(exc: exceptions.APIException, request: HttpRequest | None) -> dict[str, Any]:
    """Return the members of RFC 9457 and the flat list of what is wrong, with dotted paths."""
    found = [
        {"attr": error.attr, "code": error.code, "detail": error.detail}
        for error in flatten_errors(exc.detail)
    ]
    one = len(found) == 1 and found[0]["attr"] is None
    invalid = isinstance(exc, exceptions.ValidationError)
    code = str(found[0]["code"]) if one else "validation_error" if invalid else exc.default_code
    return {
        "type": f"urn:crm:problem:{code}",
        "title": HTTPStatus(exc.status_code).phrase,
        "status": exc.status_code,
        "detail": found[0]["detail"] if found and not invalid else _summary(found),
        "instance": request.META.get("crm.request_id", "") if request is not None else "",
        "errors": found,
    }


def _summary(found: list[dict[str, Any]]) -> str:
    if len(found) == 1:
        attr, detail = found[0]["attr"], found[0]["detail"]
        return f"{attr}: {detail}" if attr else str(detail)
    return f"{len(found)} things are wrong; see errors."


def _known(exc: Exception) -> exceptions.APIException | None:
    """Return the API error that says in words what happened; None: nobody foresaw this."""
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, CrmError):
        return _known_crm(exc)
    if isinstance(exc, DatabaseError):
        return _known_database(exc)
    return _known_django(exc)


def _known_django(exc: Exception) -> exceptions.APIException | None:
    if isinstance(exc, Http404 | django_errors.ObjectDoesNotExist):
        return exceptions.NotFound("There is nothing here.")
    if isinstance(exc, django_errors.PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, django_errors.ValidationError):
        return _known_validation(exc)
    if isinstance(exc, django_errors.RequestDataTooBig):
        return TooLarge()
    if isinstance(exc, django_errors.BadRequest | django_errors.SuspiciousOperation):
        return exceptions.ParseError("The request cannot be read.")
    return None


def _known_validation(exc: django_errors.ValidationError) -> exceptions.ValidationError:
    if not hasattr(exc, "error_dict"):
        return exceptions.ValidationError(exc.messages)
    detail: dict[str, list[exceptions.ErrorDetail]] = {}
    for name, errors in exc.error_dict.items():
        key = "non_field_errors" if name == django_errors.NON_FIELD_ERRORS else name
        detail[key] = [
            exceptions.ErrorDetail(message, code=str(error.code or "invalid"))
            for error in errors
            for message in error.messages
        ]
    return exceptions.ValidationError(detail)


def _known_crm(exc: CrmError) -> exceptions.APIException:
    if isinstance(exc, ConflictError):
        return Conflict(str(exc))
    if isinstance(exc, NotReadyError):
        return Conflict(str(exc), code="not_ready")
    return exceptions.ValidationError({"non_field_errors": [str(exc)]})


def _known_database(exc: DatabaseError) -> exceptions.APIException | None:
    cause = exc.__cause__
    if isinstance(exc, IntegrityError):
        if isinstance(cause, psycopg.errors.UniqueViolation):
            return Conflict("Something with this code, number or key exists already.")
        if isinstance(cause, psycopg.errors.ForeignKeyViolation | psycopg.errors.RestrictViolation):
            return Conflict("Other records still refer to this.")
        return Conflict("The database refuses this combination of values.")
    if isinstance(exc, DataError):
        return exceptions.ValidationError(
            {"non_field_errors": ["A value is too large or has the wrong form."]}
        )
    if isinstance(exc, OperationalError):
        logger.warning("the database is busy or away", error_type=type(cause).__name__)
        return Unavailable()
    return None
