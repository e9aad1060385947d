"""What the caller may do. Nothing is allowed that is not declared."""

from typing import TYPE_CHECKING

from rest_framework import permissions
from rest_framework.request import Request

from crm_project.common.models import ApiToken, User

if TYPE_CHECKING:
    # REST framework loads this module while it defines APIView.
    from rest_framework.views import APIView

_VERBS = {"GET": "view", "HEAD": "view", "POST": "add", "PATCH": "change", "DELETE": "delete"}


def several(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return one name, several or none as a tuple."""
    if isinstance(given, str):
        return (given,) if given else ()
    return given


def may(request: Request, scopes: tuple[str, ...], permissions: tuple[str, ...]) -> bool:
    """Return whether the caller has one of the scopes (a token) or permissions (staff)."""
    if isinstance(request.auth, ApiToken):
        return not set(scopes).isdisjoint(request.auth.scopes)
    return isinstance(request.user, User) and any(map(request.user.has_perm, permissions))


class HasScope(permissions.BasePermission):
    """A token needs the scope that the view declares for the action; staff the model permission.

    A view without a declaration is closed to everybody. ``required_scopes`` maps the action to a
    scope; ``staff_permissions`` may map it to a permission where the verb does not say it. Of
    several, one is enough: what the answer then holds is the view's business (see ``may``).
    """

    message = "This is not allowed with these credentials."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            return False
        action = getattr(view, "action", None)
        if action is None:
            # No such method here: the view answers 405 itself.
            return True
        scopes = several(getattr(view, "required_scopes", {}).get(action, ""))
        if not scopes:
            return False
        if isinstance(request.auth, ApiToken):
            self.message = f"The token lacks the scope {' or '.join(scopes)}."
        declared = getattr(view, "staff_permissions", {}).get(action)
        permissions = several(declared or self._model_permission(request, view))
        return may(request, scopes, permissions)

    def _model_permission(self, request: Request, view: "APIView") -> str:
        queryset = getattr(view, "queryset", None)
        verb = _VERBS.get(request.method or "")
        if queryset is None or verb is None:
            return ""
        meta = queryset.model._meta
        return f"{meta.app_label}.{verb}_{meta.model_name}"
