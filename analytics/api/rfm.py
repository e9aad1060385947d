from datetime import date
from typing import Any

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.filters import ScoreFilter
from analytics.api.serializers import (
    BySegmentSerializer,
    CalculateSerializer,
    CustomerRfmSerializer,
    RunSerializer,
    ScoreSerializer,
    StatisticsSerializer,
)
from analytics.models import CurrentRfmScore, RfmRun
from analytics.selectors.rfm import customer_history, segment_summary
from analytics.selectors.statistics import statistics
from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import CrmViewSet, ListMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from customers.selectors.customers import by_code


@extend_schema_view(list=extend_schema(summary="List scoring runs, newest first"))
@extend_schema(tags=["rfm"])
class RunViewSet(ListMixin, CrmViewSet):
    """Each run is also the snapshot of its day."""

    queryset = RfmRun.objects.all()
    serializer_class = RunSerializer
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    brief_fields = ("id", "as_of", "status", "is_current", "scored")
    required_scopes = {"list": "rfm:read"}


@extend_schema_view(list=extend_schema(summary="List the current scores"))
@extend_schema(tags=["rfm"])
class RfmViewSet(ListMixin, CrmViewSet):
    """Recency, frequency and money, 1 to 5 each, and the segment. Prospects have no score."""

    queryset = CurrentRfmScore.objects.select_related("customer", "segment", "run")
    serializer_class = ScoreSerializer
    filterset_class = ScoreFilter
    pagination_class = CursorPagination
    lookup_field = "customer"
    lookup_value_regex = "[^/]+"
    default_ordering = ("customer_id",)
    unique_ordering = frozenset({"customer_id"})
    brief_fields = ("customer", "code", "segment")
    sparse_actions = frozenset({"list"})
    required_scopes = {
        "list": "rfm:read",
        "retrieve": "rfm:read",
        "statistics": "rfm:read",
        "by_segment": "rfm:read",
        "calculate": "rfm:write",
    }
    staff_permissions = {"calculate": "analytics.add_rfmrun"}

    @extend_schema(summary="Read one customer's score and history", responses=CustomerRfmSerializer)
    def retrieve(self, request: Request, customer: str) -> Response:
        found = by_code(customer)
        if found is None:
            raise Http404
        history = customer_history(customer_id=found.pk)
        return Response(CustomerRfmSerializer({"customer": found.code, "history": history}).data)

    @extend_schema(summary="Read the current run at a glance", responses=StatisticsSerializer)
    @action(detail=False)
    def statistics(self, request: Request) -> Response:
        """Counts, money, the grid of R and F, and who moved since the run before."""
        return Response(StatisticsSerializer(statistics()).data)

    @extend_schema(
        summary="Read customers and money by segment",
        responses=BySegmentSerializer,
        filters=False,
    )
    @action(detail=False, url_path="by-segment")
    def by_segment(self, request: Request) -> Response:
        summary = segment_summary()
        if summary is None:
            return Response(BySegmentSerializer({"as_of": None, "rows": []}).data)
        return Response(BySegmentSerializer(summary).data)

    @extend_schema(
        summary="Score all customers anew",
        request=CalculateSerializer,
        responses={202: AcceptedSerializer},
    )
    @action(detail=False, methods=["post"])
    def calculate(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is. Readers see the old run until then."""
        values = self.checked(CalculateSerializer(data=request.data))
        with transaction.atomic():
            job = create_job(
                kind="score_rfm",
                params={name: _plain(value) for name, value in values.items()},
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
