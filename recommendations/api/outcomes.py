from typing import Any

from django.db import transaction
from django_filters.rest_framework import filters, filterset
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import CrmViewSet, ListMixin, RetrieveMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from recommendations.api.outcome_serializers import (
    AnswerSerializer,
    MeasureSerializer,
    OutcomeSerializer,
    UpliftReportDetailSerializer,
    UpliftReportSerializer,
)
from recommendations.models import RecoItem, RecoRun, UpliftReport
from recommendations.services.outcomes import record_outcome

JOB = "measure_outcomes"


class UpliftFilter(filterset.FilterSet):
    """Filters of the reports."""

    campaign = filters.CharFilter(
        field_name="campaign__code", max_length=50, label="Code of the campaign."
    )
    overall = filters.BooleanFilter(
        field_name="campaign", lookup_expr="isnull", label="All campaigns together, or single ones."
    )
    as_of = filters.DateFilter(label="The day described.")


@extend_schema_view(
    list=extend_schema(summary="List reports of what campaigns changed, newest first"),
    retrieve=extend_schema(
        summary="Read a report with its numbers", responses=UpliftReportDetailSerializer
    ),
)
@extend_schema(tags=["recommendations"])
class UpliftViewSet(ListMixin, RetrieveMixin):
    """Treated against control, as they were drawn: what a campaign changed, with intervals."""

    queryset = UpliftReport.objects.select_related("campaign")
    serializer_class = UpliftReportSerializer
    filterset_class = UpliftFilter
    pagination_class = CursorPagination
    lookup_value_regex = "[0-9]{1,9}"
    default_ordering = ("-id",)
    brief_fields = ("id", "campaign", "as_of")
    required_scopes = {
        "list": "outcomes:read",
        "retrieve": "outcomes:read",
        "create": "outcomes:write",
    }

    def get_serializer_class(self) -> Any:
        return UpliftReportDetailSerializer if self.action == "retrieve" else UpliftReportSerializer

    @extend_schema(
        summary="Look for outcomes and report on them",
        request=MeasureSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is."""
        values = self.checked(MeasureSerializer(data=request.data))
        day = values["as_of"]
        with transaction.atomic():
            job = create_job(
                kind=JOB,
                params={**values, "as_of": day.isoformat() if day else None},
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)


@extend_schema(tags=["recommendations"])
class ItemOutcomeViewSet(CrmViewSet):
    """What a customer answered to one recommended product."""

    queryset = RecoItem.objects.all()
    serializer_class = OutcomeSerializer
    required_scopes = {"outcome": "outcomes:write"}
    staff_permissions = {"outcome": "recommendations.add_outcomeevent"}

    @extend_schema(
        summary="Record what a customer answered",
        request=AnswerSerializer,
        responses={200: OutcomeSerializer, 201: OutcomeSerializer},
        parameters=[OpenApiParameter("item_id", int, "path", description="Id of the item.")],
    )
    def outcome(self, request: Request, item_id: str) -> Response:
        """Taken, refused, satisfied, complained, unsubscribed. 200: it was stored before."""
        values = self.checked(AnswerSerializer(data=request.data))
        stored, new = record_outcome(item=_item(int(item_id)), **values)
        return Response(OutcomeSerializer(stored).data, status=201 if new else 200)


def _item(number: int) -> RecoItem:
    """Return an item of a run that succeeded; 404 for any other, also a thinned one."""
    run = RecoItem.run_of(number)
    if run < 2**31 and RecoRun.objects.kept().filter(pk=run).exists():
        found = RecoItem.objects.filter(run_id=run, pk=number).first()
        if found is not None:
            return found
    raise exceptions.NotFound
