from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin, WriteMixin
from orders.api.filters import OrderFilter
from orders.api.serializers import OrderCreateSerializer, OrderPatchSerializer, OrderSerializer
from orders.models import Order, OrderItem
from orders.services.orders import create_order, update_order

_ITEMS = Prefetch("items", OrderItem.objects.select_related("product").order_by("ordinal"))


@extend_schema_view(
    list=extend_schema(summary="List orders, newest first"),
    retrieve=extend_schema(summary="Read one order"),
    partial_update=extend_schema(
        summary="Change an order", request=OrderPatchSerializer, responses=OrderSerializer
    ),
)
@extend_schema(tags=["orders"])
class OrderViewSet(ListMixin, RetrieveMixin, WriteMixin):
    """Invoices and credit notes with their lines. Orders are never deleted, only cancelled."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"
    ordering_fields = ("ordered_at", "id")
    default_ordering = ("-ordered_at", "-id")
    brief_fields = ("id", "source", "number", "customer", "ordered_at", "kind", "net_amount")
    required_scopes = {
        "list": "orders:read",
        "retrieve": "orders:read",
        "create": "orders:write",
        "partial_update": "orders:write",
    }
    write_serializers = {"create": OrderCreateSerializer, "partial_update": OrderPatchSerializer}

    def get_queryset(self) -> QuerySet[Order]:
        rows = Order.objects.select_related("customer")
        only = self.only_fields()
        return rows if only is not None and "items" not in only else rows.prefetch_related(_ITEMS)

    def validated(self, data: Any, **kwargs: Any) -> dict[str, Any]:
        return self.checked(self.write_serializers[self.action or ""](data=data, **kwargs))

    @extend_schema(
        summary="Create an order", request=OrderCreateSerializer, responses={201: OrderSerializer}
    )
    def create(self, request: Request) -> Response:
        values = self.validated(request.data)
        order = create_order(lines=values.pop("items"), **values)
        response = self.answer(self._reread(order), code=status.HTTP_201_CREATED)
        response["Location"] = reverse("order-detail", [order.pk], request=request)
        return response

    def perform_change(self, found: Order, values: dict[str, Any]) -> Order:
        return self._reread(update_order(order_id=found.pk, values=values))

    def _reread(self, order: Order) -> Order:
        return self.get_queryset().get(pk=order.pk)
