from datetime import date
from typing import Any

from django.db import transaction
from django.http import Http404
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import CurrentCustomerMetrics, MetricsRun
from analytics.selectors.metrics import current_metrics_run, metrics_of
from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.serializers import Sparse, StrictFields
from crm_project.common.api.views import CrmViewSet, ListMixin, RetrieveMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from customers.selectors.customers import by_code

_FIELDS = [
    "id",
    "as_of",
    "status",
    "is_current",
    "quality",
    "model",
    "churn_model",
    "value_model",
    "words",
    "scored",
    "predicted",
    "left_out",
    "bands",
    "error",
    "started_at",
    "finished_at",
]


class MetricsRunSerializer(Sparse, serializers.ModelSerializer[MetricsRun]):
    """One run of predictions."""

    class Meta:
        model = MetricsRun
        fields = _FIELDS
        read_only_fields = fields


class MetricsRunDetailSerializer(serializers.ModelSerializer[MetricsRun]):
    """One run with its parameters and its back-test: earlier days predicted, and what happened."""

    class Meta:
        model = MetricsRun
        fields = [*_FIELDS, "params", "convergence", "guard", "calibration", "back_test",
                  "fingerprint", "timings"]  # fmt: skip
        read_only_fields = fields


class ScoreMetricsSerializer(StrictFields, serializers.Serializer[Any]):
    """What a run is asked for."""

    as_of = serializers.DateField(
        required=False,
        allow_null=True,
        help_text="Predict from the end of this day. Empty: today. A day before that of the "
        "current run only adds to the history.",
    )


class CustomerMetricsSerializer(serializers.ModelSerializer[CurrentCustomerMetrics]):
    """Predictions for one customer. Null is "not known"; ``reason`` says why."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    run = serializers.IntegerField(source="run_id", allow_null=True)
    as_of = serializers.DateField(source="run.as_of", allow_null=True)
    historic_value = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)
    reason = serializers.CharField(help_text="Why numbers are missing or uncertain; or empty.")

    class Meta:
        model = CurrentCustomerMetrics
        fields = [
            "customer",
            "run",
            "as_of",
            "historic_value",
            "ltv",
            "churn_probability",
            "churn_band",
            "purchase_probability_30d",
            "purchase_probability_90d",
            "expected_orders_90d",
            "expected_order_value",
            "expected_value",
            "model",
            "quality_flag",
            "reason",
        ]
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List runs of predictions, newest first"),
    retrieve=extend_schema(
        summary="Read a run with its back-test", responses=MetricsRunDetailSerializer
    ),
)
@extend_schema(tags=["metrics"])
class MetricsRunViewSet(ListMixin, RetrieveMixin):
    """Runs of predictions, and how good such predictions were on earlier days."""

    queryset = MetricsRun.objects.all()
    serializer_class = MetricsRunSerializer
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    lookup_value_regex = "[0-9]{1,9}"
    brief_fields = ("id", "as_of", "status", "is_current", "predicted")
    sparse_actions = frozenset({"list"})
    required_scopes = {
        "list": "metrics:read",
        "retrieve": "metrics:read",
        "create": "metrics:write",
    }
    staff_permissions = {"create": "analytics.add_metricsrun"}

    def get_serializer_class(self) -> Any:
        return MetricsRunDetailSerializer if self.action == "retrieve" else MetricsRunSerializer

    @extend_schema(
        summary="Predict for all customers anew",
        request=ScoreMetricsSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is. Readers see the old numbers until then."""
        day: date | None = self.checked(ScoreMetricsSerializer(data=request.data)).get("as_of")
        with transaction.atomic():
            job = create_job(
                kind="score_metrics",
                params={"as_of": day.isoformat() if day else None},
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)


@extend_schema(tags=["customers"])
class CustomerMetricsViewSet(CrmViewSet):
    """What is to be expected of one customer."""

    serializer_class = CustomerMetricsSerializer
    pagination_class = None
    filter_backends: list[Any] = []
    lookup_field = "code"
    required_scopes = {"list": "metrics:read"}
    staff_permissions = {"list": "analytics.view_currentcustomermetrics"}

    @extend_schema(
        summary="Read a customer's predictions",
        operation_id="customer_metrics_retrieve",
        responses=forced_singular_serializer(CustomerMetricsSerializer),
    )
    def list(self, request: Request, code: str) -> Response:
        """The numbers of the current run; all null, with the reason, for who has none."""
        customer = by_code(code)
        if customer is None:
            raise Http404
        found = metrics_of(customer_id=customer.pk)
        if found is None:
            return Response(_nothing(customer.code))
        return Response(CustomerMetricsSerializer(found).data)


def _nothing(code: str) -> dict[str, Any]:
    run = current_metrics_run()
    empty: dict[str, Any] = dict.fromkeys(CustomerMetricsSerializer.Meta.fields)
    reason = "No counted order yet." if run else "Nothing was predicted yet."
    known = {"customer": code, "churn_band": "", "model": "", "quality_flag": "none"}
    return {
        **empty,
        **known,
        "run": run.pk if run else None,
        "as_of": run.as_of if run else None,
        "reason": reason,
    }
