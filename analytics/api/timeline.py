from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import Signal
from analytics.selectors.timeline import KINDS, Entry, Position, timeline
from crm_project.common.api.kinds import PARAMETER, Kinds, chosen_kinds, kinds_parameter
from crm_project.common.api.moments import EARLIEST, LATEST
from crm_project.common.api.pagination import BROKEN, CursorPagination
from crm_project.common.api.views import CrmViewSet
from customers.models import ContactEvent
from customers.selectors.customers import by_code
from orders.models import Order

_KINDS: Kinds = {
    "order": ("orders:read", "orders.view_order"),
    "contact": ("contacts:read", "customers.view_contactevent"),
    "signal": ("signals:read", "analytics.view_signal"),
}


class TimelineOrderSerializer(serializers.ModelSerializer[Order]):
    class Meta:
        model = Order
        fields = ["id", "source", "number", "kind", "status", "currency", "net_amount", "channel"]
        read_only_fields = fields


class TimelineContactSerializer(serializers.ModelSerializer[ContactEvent]):
    campaign = serializers.CharField(source="campaign.code", default=None, allow_null=True)

    class Meta:
        model = ContactEvent
        fields = ["id", "channel", "direction", "purpose", "status", "campaign"]
        read_only_fields = fields


class TimelineSignalSerializer(serializers.ModelSerializer[Signal]):
    product = serializers.CharField(source="product.key", default=None, allow_null=True)
    score = serializers.FloatField()
    signal_data = serializers.DictField()

    class Meta:
        model = Signal
        fields = ["id", "event_type", "score", "product", "source", "historical", "signal_data"]
        read_only_fields = fields


class TimelineSerializer(serializers.Serializer[Any]):
    """One thing that happened. Of ``order``, ``contact`` and ``signal``, the one is filled."""

    kind = serializers.ChoiceField(choices=list(_KINDS))
    occurred_at = serializers.DateTimeField()
    order = TimelineOrderSerializer(default=None, allow_null=True)
    contact = TimelineContactSerializer(default=None, allow_null=True)
    signal = TimelineSignalSerializer(default=None, allow_null=True)


class TimelinePagination(CursorPagination):
    """Pages of a list that is merged from several tables."""

    fields = ("-occurred_at", "-rank", "-key")

    def page_of(self, request: Request, customer_id: int, kinds: Sequence[str]) -> list[Entry]:
        self.request = request
        self.limit = self.wanted_limit(request)
        self.backwards, values = self._decode(request.query_params.get("cursor", ""))
        position = _position(values) if values is not None else None
        found = timeline(
            customer_id=customer_id,
            kinds=kinds,
            limit=self.limit + 1,
            position=position,
            backwards=self.backwards,
        )
        return self.cut(found, started=position is not None)


@extend_schema(tags=["customers"])
class TimelineViewSet(CrmViewSet):
    """All that happened with a customer."""

    pagination_class = TimelinePagination
    filter_backends: list[Any] = []
    serializer_class = TimelineSerializer
    lookup_field = "code"
    extra_parameters = {"list": (PARAMETER,)}
    required_scopes = {"list": "customers:read"}
    staff_permissions = {"list": "customers.view_customer"}

    @extend_schema(
        summary="Read a customer's timeline, newest first",
        parameters=[kinds_parameter(_KINDS)],
        responses=TimelineSerializer(many=True),
    )
    def list(self, request: Request, code: str) -> Response:
        """Orders, contacts and signals, each with its own scope: shown is what the token may."""
        customer = by_code(code)
        if customer is None:
            raise Http404
        pages = TimelinePagination()
        found = pages.page_of(request, customer.pk, chosen_kinds(request, _KINDS))
        rows = [{"kind": e.kind, "occurred_at": e.occurred_at, e.kind: e.row} for e in found]
        return pages.get_paginated_response(TimelineSerializer(rows, many=True).data)


def _position(values: Sequence[Any]) -> Position:
    """Return the position that a caller sent, who may have tampered with it."""
    try:
        moment, rank, key = values
        place = KINDS[rank]
        if not isinstance(moment, datetime) or not EARLIEST <= moment < LATEST:
            raise ValueError("not a moment")
        return Position(moment, rank, UUID(key) if place == "signal" else int(key))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise exceptions.ValidationError({"cursor": [BROKEN]}) from error
