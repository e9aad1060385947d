from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import filters, filterset
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination, whole_number
from crm_project.common.api.views import CrmViewSet, ListMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from recommendations.api import audit_serializers as shapes
from recommendations.api.run_serializers import RecoItemSerializer
from recommendations.models import AuditItem, Decided, RecoItem, RecoRun, Severity
from recommendations.scoring.audit_rules import BY_CODE
from recommendations.selectors.audit import newest_run
from recommendations.selectors.run_counts import statuses
from recommendations.services.audit import FourEyesError, check_may_choose

NO_RUN = "Nothing was recommended yet."
_READ = "recommendations:read"
_RUN = OpenApiParameter(
    "run", OpenApiTypes.INT, description="Of this run. Without it: of the current one."
)
_OF_RUN = OpenApiParameter("run", int, "path", description="The run's id.")


def run_by_key(text: str) -> RecoRun:
    """Return the run of an address. Raises 404."""
    run = RecoRun.objects.select_related("config").filter(pk=int(text)).first()
    if run is None:
        raise Http404
    return run


class FindingFilter(filterset.FilterSet):
    """Filters of the findings."""

    customer = filters.CharFilter(field_name="customer__code", label="A customer's code.")
    code = filters.ChoiceFilter(choices=[(code, code) for code in BY_CODE], label="What it is.")
    severity = filters.ChoiceFilter(choices=Severity.choices, label="How bad it is.")


@extend_schema(tags=["recommendations"], parameters=[_OF_RUN])
class RunAuditViewSet(CrmViewSet):
    """The audit of one run."""

    queryset = RecoRun.objects.all()
    serializer_class = shapes.RunAuditSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    required_scopes = {"retrieve": _READ, "create": "recommendations:write"}
    staff_permissions = {
        "retrieve": "recommendations.view_recoaudit",
        "create": "recommendations.add_recorun",
    }

    @extend_schema(summary="Read the audit of a run", operation_id="reco_run_audit_retrieve")
    def retrieve(self, request: Request, run: str) -> Response:
        """Findings by code, checks of the run as a whole, and the gate."""
        found = run_by_key(run)
        checks = found.checks
        told = {name: checks.get(name) for name in ("audited_at", "channel", "customers",
                                                    "exportable", "mean_score")}  # fmt: skip
        return Response(
            shapes.RunAuditSerializer(
                {
                    "run": found.pk,
                    "as_of": found.as_of,
                    **told,
                    "findings": checks.get("findings", {}),
                    "checks": checks.get("checks", []),
                    "statuses": statuses(run=found),
                    "gate": found.gate,
                }
            ).data
        )

    @extend_schema(
        summary="Audit a run",
        operation_id="reco_run_audit_create",
        request=shapes.StartAuditSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request, run: str) -> Response:
        """Answers at once; the job tells how far it is. Readers see the former audit until then."""
        values = self.checked(shapes.StartAuditSerializer(data=request.data))
        found, policy = run_by_key(run), values.get("policy")
        user = request.user if isinstance(request.user, User) else None
        try:
            check_may_choose(run=found, policy=policy, user=user)
        except FourEyesError as error:
            raise exceptions.PermissionDenied(str(error)) from error
        with transaction.atomic():
            job = create_job(
                kind="audit_recommendations",
                params={"run": found.pk, "policy": policy},
                user=user,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)


@extend_schema(tags=["recommendations"], parameters=[_OF_RUN])
class FindingViewSet(ListMixin, CrmViewSet):
    """What the audit found, customer by customer."""

    queryset = AuditItem.objects.select_related("customer", "product")
    serializer_class = shapes.FindingSerializer
    filterset_class = FindingFilter
    pagination_class = CursorPagination
    default_ordering = ("customer_id", "ordinal")
    unique_ordering = frozenset({"ordinal"})
    required_scopes = {"list": _READ}

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(run=run_by_key(self.kwargs["run"]))

    @extend_schema(summary="List the findings of an audit")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)


@extend_schema(tags=["recommendations"])
class AuditViewSet(CrmViewSet):
    """The audit at a glance: what waits, what was flagged, quality of the data, the gate."""

    queryset = RecoItem.objects.select_related("customer", "product")
    serializer_class = RecoItemSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    default_ordering = ("id",)
    extra_parameters = {
        "pending": ("run", "limit", "cursor"),
        "flagged": ("run", "limit", "cursor"),
        "quality": ("run",),
        "gating": ("run",),
    }
    required_scopes = dict.fromkeys(("pending", "flagged", "quality", "gating"), _READ)
    staff_permissions = {
        "pending": "recommendations.view_recoitem",
        "flagged": "recommendations.view_recoitem",
        "quality": "recommendations.view_recorun",
        "gating": "recommendations.view_recorun",
    }

    @extend_schema(
        summary="List items that wait for a decision",
        parameters=[_RUN],
        responses=RecoItemSerializer(many=True),
    )
    @action(detail=False, pagination_class=CursorPagination)
    def pending(self, request: Request) -> Response:
        """Of one run, by customer and rank."""
        return self._items(Decided.PENDING)

    @extend_schema(
        summary="List flagged items", parameters=[_RUN], responses=RecoItemSerializer(many=True)
    )
    @action(detail=False, pagination_class=CursorPagination)
    def flagged(self, request: Request) -> Response:
        """Items that somebody wants looked at again."""
        return self._items(Decided.FLAGGED)

    @extend_schema(
        summary="Read the quality of a run's data",
        parameters=[_RUN],
        responses=shapes.QualitySerializer,
    )
    @action(detail=False)
    def quality(self, request: Request) -> Response:
        """As it was before the run; a run that was stopped by it is found by its number."""
        run = self._run()
        told: dict[str, Any] = {"findings": [], "words": NO_RUN, "passed": None}
        told |= {"run": None, "status": None, "as_of": None}
        if run is not None:
            told |= {"words": "Nothing was recorded.", **run.quality}
            told |= {"run": run.pk, "status": run.status, "as_of": run.as_of}
        return Response(shapes.QualitySerializer(told).data)

    @extend_schema(
        summary="Ask whether a run passed its gate",
        parameters=[_RUN],
        responses=shapes.GateSerializer,
    )
    @action(detail=False)
    def gating(self, request: Request) -> Response:
        """Nothing of a run leaves before it passed."""
        run = self._run()
        told: dict[str, Any] = {"policy": None, "four_eyes": False, "passed": False, "checks": []}
        told |= {"run": None, "as_of": None, "reasons": [NO_RUN]}
        if run is not None:
            told |= {"run": run.pk, "as_of": run.as_of}
            told |= run.gate or {"reasons": ["The run was not audited yet."]}
        return Response(shapes.GateSerializer(told).data)

    def _run(self) -> RecoRun | None:
        """Return the run asked for, else the current one; None before the first."""
        if "run" not in self.request.query_params:
            return newest_run()
        number = whole_number(self.request, "run", 0, minimum=1)
        found = RecoRun.objects.filter(pk=number).first() if number < 2**31 else None
        if found is None:
            raise exceptions.ValidationError({"run": ["There is no such run."]})
        return found

    def _items(self, status: Decided) -> Response:
        run = self._run()
        rows = self.get_queryset().filter(run_id=run.pk if run else 0, status=status).order_by("id")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
