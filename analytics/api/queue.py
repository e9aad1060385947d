from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.signal_serializers import QueueSerializer
from analytics.selectors.signal_queue import queue_stats
from crm_project.common.api.views import CrmViewSet


@extend_schema(tags=["signals"])
class QueueViewSet(CrmViewSet):
    """The queue between reception and storage."""

    serializer_class = QueueSerializer
    pagination_class = None
    required_scopes = {"stats": "signals:read"}
    staff_permissions = {"stats": "analytics.view_signal"}

    @extend_schema(summary="Read the state of the signal queue", responses=QueueSerializer)
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        """How much waits and since when, how fast it moves, who works on it, the last hour."""
        return Response(QueueSerializer(queue_stats()).data)
