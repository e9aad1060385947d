from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.receiving.views import TakesSignals
from analytics.api.signal_filters import SignalFilter
from analytics.api.signal_serializers import (
    SignalSerializer,
    SignalStatisticsSerializer,
    StatisticsQuerySerializer,
)
from analytics.models import Signal, SignalType
from analytics.selectors.signal_statistics import signals_by_day
from analytics.selectors.signals import totals_by_type
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin

_CLASS = SignalType.objects.filter(event_type=OuterRef("event_type")).values("signal_class")
UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@extend_schema_view(
    list=extend_schema(summary="List signals, newest first"),
    retrieve=extend_schema(summary="Read one signal"),
)
@extend_schema(tags=["signals"])
class SignalViewSet(TakesSignals, ListMixin, RetrieveMixin):
    """What customers do: views, carts, clicks, inquiries, as other systems report them."""

    queryset = Signal.objects.all()
    serializer_class = SignalSerializer
    filterset_class = SignalFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = UUID
    ordering_fields = ("occurred_at", "id")
    default_ordering = ("-occurred_at", "-id")
    brief_fields = ("id", "event_type", "score", "customer", "occurred_at")
    extra_parameters = {"stats": tuple(StatisticsQuerySerializer().fields)}
    required_scopes = {
        "list": "signals:read",
        "retrieve": "signals:read",
        "stats": "signals:read",
        "create": "signals:write",
    }

    def get_queryset(self) -> QuerySet[Signal]:
        rows: QuerySet[Signal] = Signal.objects.select_related("customer", "product")
        return rows.annotate(signal_class=Coalesce(Subquery(_CLASS), Value("")))

    @extend_schema(
        summary="Count signals by day and type",
        parameters=[StatisticsQuerySerializer],
        responses=SignalStatisticsSerializer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def stats(self, request: Request) -> Response:
        """How many there were, of how many customers, and their scores."""
        asked = self.checked(StatisticsQuerySerializer(data=request.query_params.dict()))
        event_type = asked.get("event_type")
        found = signals_by_day(
            first=asked.get("first_day"),
            last=asked.get("last_day"),
            event_types=[event_type] if event_type else [],
        )
        shown = SignalStatisticsSerializer(
            {
                "first_day": found.first,
                "last_day": found.last,
                "as_of": found.as_of,
                "signals": found.total,
                "by_type": totals_by_type(found.days),
                "by_day": found.days,
            }
        )
        return Response(shown.data)
