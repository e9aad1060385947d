from typing import Any

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crm_project.common.api.views import ListMixin, RetrieveMixin, WriteMixin
from customers.api.filters import CustomerFilter
from customers.api.serializers import CustomerSerializer
from customers.models import Customer
from customers.selectors.customers import by_code
from customers.services.customers import create_customer, delete_customer, update_customer


@extend_schema_view(
    list=extend_schema(summary="List and search customers"),
    retrieve=extend_schema(summary="Read one customer"),
    partial_update=extend_schema(summary="Change a customer"),
)
@extend_schema(tags=["customers"])
class CustomerViewSet(ListMixin, RetrieveMixin, WriteMixin):
    """Who buys, or may buy. An old code (after a merge or a new number) still finds its owner."""

    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    lookup_field = "code"
    lookup_value_regex = "[^/]+"
    ordering_fields = ("code", "updated_at", "id")
    unique_ordering = frozenset({"code", "id"})
    default_ordering = ("code",)
    brief_fields = ("id", "code", "name", "status")
    required_scopes = {
        "list": "customers:read",
        "retrieve": "customers:read",
        "create": "customers:write",
        "partial_update": "customers:write",
        "destroy": "customers:write",
    }

    def get_object(self) -> Customer:
        customer = by_code(self.kwargs["code"])
        if customer is None:
            raise Http404
        return customer

    @extend_schema(summary="Create a customer")
    def create(self, request: Request) -> Response:
        values = self.validated(request.data)
        customer = create_customer(code=values.pop("code"), values=values)
        response = self.answer(customer, code=status.HTTP_201_CREATED)
        response["Location"] = reverse("customer-detail", [customer.code], request=request)
        return response

    @extend_schema(summary="Delete a customer", responses={204: None})
    def destroy(self, request: Request, code: str) -> Response:
        """The status becomes deleted; orders and history stay."""
        with transaction.atomic():
            delete_customer(customer_id=self.lock().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_change(self, found: Customer, values: dict[str, Any]) -> Customer:
        return update_customer(customer_id=found.pk, values=values)
