"""Answers that mix several kinds of things show those kinds that the caller may read."""

from collections.abc import Mapping

from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

from crm_project.common.api.permissions import may

# Kind → the scope a token needs for it, and the permission staff need.
Kinds = Mapping[str, tuple[str, str]]
PARAMETER = "kinds"


def kinds_parameter(known: Kinds) -> OpenApiParameter:
    """Describe ``kinds=``."""
    words = f"Only these, with commas: {', '.join(known)}. All that the token may read if left out."
    return OpenApiParameter(PARAMETER, str, description=words)


def chosen_kinds(request: Request, known: Kinds) -> list[str]:
    """Return the kinds that ``kinds=`` names, or else all that the caller may read.

    Raises:
        ValidationError: a kind that does not exist.
        PermissionDenied: a kind was asked for by name, or none is left, that may be read.
    """
    asked = request.query_params.get(PARAMETER)
    allowed = [kind for kind, (scope, right) in known.items() if may(request, (scope,), (right,))]
    if asked is None:
        if not allowed:
            needed = " or ".join(scope for scope, _ in known.values())
            raise exceptions.PermissionDenied(f"This needs one of the scopes {needed}.")
        return allowed
    names = list(dict.fromkeys(name.strip() for name in asked.split(",")))
    for name in names:
        if name not in known:
            text = f"Unknown kind {name[:50]!r}. Known are: {', '.join(known)}."
            raise exceptions.ValidationError({PARAMETER: [text]})
        if name not in allowed:
            raise exceptions.PermissionDenied(f"The kind {name} needs the scope {known[name][0]}.")
    return names
