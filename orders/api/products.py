from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crm_project.common.api.views import ListMixin, RetrieveMixin, WriteMixin
from orders.api.filters import ProductFilter
from orders.api.serializers import ProductSerializer
from orders.models import Product
from orders.services.products import create_product, retire_product, update_product


@extend_schema_view(
    list=extend_schema(summary="List and search products"),
    retrieve=extend_schema(summary="Read one product"),
    partial_update=extend_schema(summary="Change a product"),
)
@extend_schema(tags=["products"])
class ProductViewSet(ListMixin, RetrieveMixin, WriteMixin):
    """What is sold, and the charges that stand on invoices."""

    queryset = Product.objects.all()
    serializer_class = ProductSerializer
    filterset_class = ProductFilter
    lookup_field = "key"
    lookup_value_regex = "[^/]+"
    ordering_fields = ("key", "id")
    unique_ordering = frozenset({"key", "id"})
    default_ordering = ("key",)
    brief_fields = ("id", "key", "label", "kind", "price", "is_active")
    required_scopes = {
        "list": "products:read",
        "retrieve": "products:read",
        "create": "products:write",
        "partial_update": "products:write",
        "destroy": "products:write",
    }

    @extend_schema(summary="Create a product")
    def create(self, request: Request) -> Response:
        values = self.validated(request.data)
        product = create_product(key=values.pop("key"), values=values)
        response = self.answer(product, code=status.HTTP_201_CREATED)
        response["Location"] = reverse("product-detail", [product.key], request=request)
        return response

    @extend_schema(summary="Retire a product", responses={204: None})
    def destroy(self, request: Request, key: str) -> Response:
        """It is no longer offered; orders keep it."""
        with transaction.atomic():
            retire_product(product_id=self.lock().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_change(self, found: Product, values: dict[str, Any]) -> Product:
        return update_product(product_id=found.pk, values=values)
