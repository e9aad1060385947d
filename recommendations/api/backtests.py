from datetime import date
from typing import Any

from django.db import transaction
from django_filters.rest_framework import filters, filterset
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.serializers import Sparse, StrictFields
from crm_project.common.api.views import CrmViewSet, ListMixin, RetrieveMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from recommendations.models import BacktestRun
from recommendations.services.backtests import MOST_ORIGINS, MOST_SPACING

_PLAIN = ["id", "as_of", "status", "is_current", "config", "origins", "words", "chosen", "seconds",
          "error", "started_at", "finished_at"]  # fmt: skip


class BacktestSerializer(Sparse, serializers.ModelSerializer[BacktestRun]):
    """One back-test: from which past days it looked ahead, and what it speaks for."""

    config = serializers.CharField(
        source="config.hash", allow_null=True, help_text="Hash of the settings."
    )

    class Meta:
        model = BacktestRun
        fields = _PLAIN
        read_only_fields = fields


class BacktestDetailSerializer(BacktestSerializer):
    """One back-test with every method, measure, group and interval."""

    class Meta:
        model = BacktestRun
        fields = [*_PLAIN, "results", "options", "data_version"]
        read_only_fields = fields


class StartBacktestSerializer(StrictFields, serializers.Serializer[Any]):
    """What a back-test is asked for; everything may be left out."""

    as_of = serializers.DateField(
        required=False,
        allow_null=True,
        help_text="Look at nothing after the end of this day. Empty: today.",
    )
    origins = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_ORIGINS, help_text="Past days to judge; 4."
    )
    spacing = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_SPACING, help_text="Days between them; 30."
    )


class BacktestFilter(filterset.FilterSet):
    """Filters of the back-tests."""

    as_of = filters.DateFilter(label="The last day that was looked at.")
    status = filters.ChoiceFilter(choices=BacktestRun.Status.choices, label="How it ended.")
    is_current = filters.BooleanFilter(label="What the next run believes.")


@extend_schema_view(
    list=extend_schema(summary="List back-tests, newest first"),
    retrieve=extend_schema(
        summary="Read a back-test: every method and measure", responses=BacktestDetailSerializer
    ),
)
@extend_schema(tags=["recommendations"])
class BacktestViewSet(ListMixin, RetrieveMixin, CrmViewSet):
    """How good recommendations would have been on past days, and the plan this speaks for."""

    queryset = BacktestRun.objects.select_related("config")
    serializer_class = BacktestSerializer
    filterset_class = BacktestFilter
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    lookup_value_regex = "[0-9]{1,9}"
    brief_fields = ("id", "as_of", "status", "is_current")
    sparse_actions = frozenset({"list"})
    required_scopes = {
        "list": "recommendations:read",
        "retrieve": "recommendations:read",
        "create": "recommendations:write",
    }
    staff_permissions = {"create": "recommendations.add_backtestrun"}

    def get_serializer_class(self) -> Any:
        return BacktestDetailSerializer if self.action == "retrieve" else BacktestSerializer

    @extend_schema(
        summary="Make a back-test",
        request=StartBacktestSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is."""
        values = self.checked(StartBacktestSerializer(data=request.data))
        day: date | None = values.get("as_of")
        with transaction.atomic():
            job = create_job(
                kind="backtest",
                params={**values, "as_of": day.isoformat() if day else None},
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)
