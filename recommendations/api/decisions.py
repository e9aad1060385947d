from abc import abstractmethod
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import CrmViewSet, ListMixin
from crm_project.common.models import User
from customers.selectors.customers import by_code
from recommendations.api import audit_serializers as shapes
from recommendations.api.audit import run_by_key
from recommendations.models import Decided, RecoDecision, RecoItem
from recommendations.services.approvals import decide_item, decide_list, decide_run
from recommendations.services.audit import FourEyesError

_OF_RUN = OpenApiParameter("run", int, "path", description="The run's id.")
_OF_ITEM = OpenApiParameter("item_id", int, "path", description="The item's id.")
_DECISIONS = ("approve", "reject", "flag")
_SCOPES = {"list": "recommendations:read", **dict.fromkeys(_DECISIONS, "recommendations:approve")}
_PERMISSIONS = dict.fromkeys(_DECISIONS, "recommendations.add_recodecision")


def _user(request: Request) -> User:
    if not isinstance(request.user, User):
        raise exceptions.PermissionDenied
    return request.user


class _Decisions(CrmViewSet):
    """Three words that people know, each one decision."""

    queryset = RecoDecision.objects.select_related("customer", "user")
    serializer_class = shapes.DecisionSerializer
    pagination_class: Any = None
    required_scopes = _SCOPES
    staff_permissions = _PERMISSIONS

    @abstractmethod
    def decide(self, request: Request, decision: str) -> RecoDecision:
        """Store a decision on what the address names."""

    def _answer(self, request: Request, decision: str) -> Response:
        try:
            made = self.decide(request, decision)
        except FourEyesError as error:
            raise exceptions.PermissionDenied(str(error)) from error
        return Response(shapes.DecisionSerializer(made).data, status=status.HTTP_201_CREATED)


@extend_schema(tags=["recommendations"], parameters=[_OF_ITEM])
class ItemDecisionViewSet(_Decisions):
    """Decide on one item."""

    def decide(self, request: Request, decision: str) -> RecoDecision:
        values = self.checked(shapes.RecoDecideSerializer(data=request.data))
        number = int(self.kwargs["item_id"])
        if not RecoItem.objects.filter(pk=number, run_id=RecoItem.run_of(number)).exists():
            raise Http404
        return decide_item(item_id=number, decision=decision, user=_user(request), **values)

    @extend_schema(
        summary="Approve one item",
        request=shapes.RecoDecideSerializer,
        responses={201: shapes.DecisionSerializer},
    )
    def approve(self, request: Request, item_id: str) -> Response:
        """Under a strict policy not by who started the run."""
        return self._answer(request, Decided.APPROVED)

    @extend_schema(
        summary="Reject one item",
        request=shapes.RecoDecideSerializer,
        responses={201: shapes.DecisionSerializer},
    )
    def reject(self, request: Request, item_id: str) -> Response:
        """It does not leave; the audit looks at the rest of the list when it is repeated."""
        return self._answer(request, Decided.REJECTED)

    @extend_schema(
        summary="Flag one item",
        request=shapes.RecoDecideSerializer,
        responses={201: shapes.DecisionSerializer},
    )
    def flag(self, request: Request, item_id: str) -> Response:
        """It does not leave until somebody approves it."""
        return self._answer(request, Decided.FLAGGED)


@extend_schema(tags=["recommendations"], parameters=[_OF_RUN])
class RunDecisionViewSet(ListMixin, _Decisions):
    """Decide on a run, or on one customer's list in it; and read what was decided."""

    pagination_class = CursorPagination
    default_ordering = ("-id",)

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(run=run_by_key(self.kwargs["run"]))

    def decide(self, request: Request, decision: str) -> RecoDecision:
        values = self.checked(shapes.RecoDecideRunSerializer(data=request.data))
        run, code = run_by_key(self.kwargs["run"]), values.pop("customer", None)
        if code is None:
            return decide_run(run=run, decision=decision, user=_user(request), **values)
        customer = by_code(code) if "\x00" not in code else None
        if customer is None:
            raise exceptions.ValidationError({"customer": ["There is no such customer."]})
        values.pop("only_passing")
        return decide_list(
            run=run, customer=customer, decision=decision, user=_user(request), **values
        )

    @extend_schema(summary="List what was decided on a run, newest first")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        summary="Approve what waits in a run, or one customer's list",
        request=shapes.RecoDecideRunSerializer,
        responses={201: shapes.DecisionSerializer},
    )
    def approve(self, request: Request, run: str) -> Response:
        """A whole run only after it passed its gate. Earlier decisions on parts of it stay."""
        return self._answer(request, Decided.APPROVED)

    @extend_schema(
        summary="Reject what waits in a run, or one customer's list",
        request=shapes.RecoDecideRunSerializer,
        responses={201: shapes.DecisionSerializer},
    )
    def reject(self, request: Request, run: str) -> Response:
        """None of it leaves."""
        return self._answer(request, Decided.REJECTED)

    @extend_schema(
        summary="Flag what waits in a run, or one customer's list",
        request=shapes.RecoDecideRunSerializer,
        responses={201: shapes.DecisionSerializer},
    )
    def flag(self, request: Request, run: str) -> Response:
        """It does not leave until somebody approves it."""
        return self._answer(request, Decided.FLAGGED)
