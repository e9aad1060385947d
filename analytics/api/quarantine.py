from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from analytics.api.signal_filters import QuarantineFilter
from analytics.api.signal_serializers import (
    DiscardSerializer,
    QuarantinedDetailSerializer,
    QuarantinedSerializer,
)
from analytics.api.signals import UUID as UUID_PATTERN
from analytics.models import QuarantinedEvent
from analytics.models.signals import QuarantinedEventQuerySet
from analytics.services.signal_replay import discard, replay_quarantine
from crm_project.common.api.errors import Conflict
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin


@extend_schema_view(
    list=extend_schema(summary="List events in quarantine, newest first"),
    retrieve=extend_schema(
        summary="Read one event in quarantine", responses=QuarantinedDetailSerializer
    ),
)
@extend_schema(tags=["signals"])
class QuarantineViewSet(ListMixin, RetrieveMixin):
    """Events that were acknowledged and cannot be stored. Nothing here is ever dropped unseen."""

    queryset = QuarantinedEvent.objects.all()
    serializer_class = QuarantinedSerializer
    filterset_class = QuarantineFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = UUID_PATTERN
    default_ordering = ("-id",)
    brief_fields = ("id", "received_at", "source", "code", "resolution")
    required_scopes = {
        "list": "signals:read",
        "retrieve": "signals:read",
        "replay": "signals:manage",
        "discard": "signals:manage",
    }
    staff_permissions = {
        "replay": "analytics.replay_quarantinedevent",
        "discard": "analytics.discard_quarantinedevent",
    }

    def get_queryset(self) -> QuarantinedEventQuerySet:
        rows = QuarantinedEvent.objects.all()
        unasked = self.action == "list" and "state" not in self.request.query_params
        return rows.open() if unasked else rows

    def get_serializer_class(self) -> type[BaseSerializer[QuarantinedEvent]]:
        return QuarantinedSerializer if self.action == "list" else QuarantinedDetailSerializer

    @extend_schema(
        summary="Try a quarantined event again",
        request=None,
        responses=QuarantinedDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, id: str) -> Response:
        """The answer shows what came of it: stored, a duplicate, or still open and why."""
        self._open_one()
        replay_quarantine(ids=[UUID(id)], user=request.user)
        return Response(self.represent(self.get_object()))

    @extend_schema(
        summary="Give up a quarantined event",
        request=DiscardSerializer,
        responses=QuarantinedDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, id: str) -> Response:
        """It is never stored as a signal; what was received stays in the raw log."""
        self._open_one()
        values = self.checked(DiscardSerializer(data=request.data))
        discard(ids=[UUID(id)], reason=values["reason"], user=request.user)
        return Response(self.represent(self.get_object()))

    def _open_one(self) -> None:
        found: QuarantinedEvent = self.get_object()
        if found.resolution:
            raise Conflict(f"This was decided on already: it is {found.resolution}.")
