from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_view

from analytics.api.signal_filters import SignalFilter
from analytics.api.signal_serializers import SignalSerializer
from analytics.models import Signal, SignalType
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin

_CLASS = SignalType.objects.filter(event_type=OuterRef("event_type")).values("signal_class")
UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@extend_schema_view(
    list=extend_schema(summary="List signals, newest first"),
    retrieve=extend_schema(summary="Read one signal"),
)
@extend_schema(tags=["signals"])
class SignalViewSet(ListMixin, RetrieveMixin):
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
    required_scopes = {"list": "signals:read", "retrieve": "signals:read"}

    def get_queryset(self) -> QuerySet[Signal]:
        rows: QuerySet[Signal] = Signal.objects.select_related("customer", "product")
        return rows.annotate(signal_class=Coalesce(Subquery(_CLASS), Value("")))
