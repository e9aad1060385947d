from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.signal_serializers import ReceiptSerializer
from analytics.api.signals import UUID as UUID_PATTERN
from analytics.selectors.signal_receipts import receipt
from analytics.signal_stream import QueueError
from crm_project.common.api.errors import Unavailable
from crm_project.common.api.permissions import may
from crm_project.common.api.views import CrmViewSet
from crm_project.common.models import ApiToken


@extend_schema(tags=["signals"])
class ReceiptViewSet(CrmViewSet):
    """Where an event is that was acknowledged: this is the final word on it."""

    serializer_class = ReceiptSerializer
    lookup_field = "id"
    lookup_value_regex = UUID_PATTERN
    required_scopes = {"retrieve": ("signals:write", "signals:read")}
    staff_permissions = {"retrieve": "analytics.view_signal"}

    @extend_schema(summary="Ask where an event is", responses=ReceiptSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        """A token that may only send asks for its own events. 503: the queue cannot say now."""
        try:
            found = receipt(UUID(id))
        except QueueError as error:
            raise Unavailable(str(error)) from error
        if found is None or not _may_see(request, found.token):
            raise Http404
        return Response(ReceiptSerializer(found).data)


def _may_see(request: Request, token: str) -> bool:
    if may(request, ("signals:read",), ("analytics.view_signal",)):
        return True
    return isinstance(request.auth, ApiToken) and request.auth.prefix == token
