from django.db import transaction
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
    ReplaySerializer,
)
from analytics.api.signals import UUID as UUID_PATTERN
from analytics.models import QuarantinedEvent
from analytics.models.signals import QuarantinedEventQuerySet
from analytics.services.signal_replay import discard, replay_quarantine
from crm_project.common.api.errors import Conflict
from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue

MOST_AT_ONCE = 10_000
_DECIDED = "This was decided on already. Read it again to see how."


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
        "replay_many": "signals:manage",
    }
    staff_permissions = {
        "replay_many": "analytics.replay_quarantinedevent",
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
        found = self.get_object()
        if not replay_quarantine(ids=[found.pk], user=request.user).looked_at:
            raise Conflict(_DECIDED)
        return Response(self.represent(self.get_object()))

    @extend_schema(
        operation_id="quarantine_replay_many",
        summary="Try many quarantined events again",
        request=ReplaySerializer,
        responses={202: AcceptedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="replay")
    def replay_many(self, request: Request) -> Response:
        """As long work: the job tells how many were stored, and how many are still refused."""
        chosen = self.checked(ReplaySerializer(data=request.data))
        rows = QuarantinedEvent.objects.open().filter(**chosen).order_by("id")
        ids = [str(id) for id in rows.values_list("id", flat=True)[:MOST_AT_ONCE]]
        with transaction.atomic():
            job = create_job(
                kind="replay_quarantine",
                params={"ids": ids},
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)

    @extend_schema(
        summary="Give up a quarantined event",
        request=DiscardSerializer,
        responses=QuarantinedDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, id: str) -> Response:
        """It is never stored as a signal; what was received stays in the raw log."""
        found = self.get_object()
        values = self.checked(DiscardSerializer(data=request.data))
        if not discard(ids=[found.pk], reason=values["reason"], user=request.user):
            raise Conflict(_DECIDED)
        return Response(self.represent(self.get_object()))
