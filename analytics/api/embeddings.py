from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import CustomerEmbedding, EmbeddingModel
from analytics.selectors.similar import MOST, similar_customers, similar_products
from analytics.services.embedding_external import set_embedding, standing
from analytics.services.embedding_external_products import (
    product_standing,
    set_product_embedding,
)
from crm_project.common.api.pagination import CursorPagination, whole_number
from crm_project.common.api.serializers import Sparse, StrictFields
from crm_project.common.api.views import CrmViewSet, ListMixin
from customers.models import Customer
from customers.selectors.customers import by_code
from orders.models import Product

DEFAULT_K = 10
LARGEST_DIMENSION = 16_000
_MODELS = EmbeddingModel.objects.defer("artefact")


class EmbeddingModelSerializer(Sparse, serializers.ModelSerializer[EmbeddingModel]):
    """What turns texts into vectors. Send vectors for the one that is being filled, or serves."""

    class Meta:
        model = EmbeddingModel
        fields = ["id", "name", "provider", "dimension", "template", "status", "is_current",
                  "reason", "error", "fitted_on", "created_at", "activated_at"]  # fmt: skip
        read_only_fields = fields


class ModelInBriefSerializer(serializers.ModelSerializer[EmbeddingModel]):
    class Meta:
        model = EmbeddingModel
        fields = ["id", "name", "provider", "dimension"]
        read_only_fields = fields


class StandingSerializer(serializers.Serializer[Any]):
    """The text to embed, and what has become of it. It holds nobody's name or address."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    model = ModelInBriefSerializer(
        allow_null=True, help_text="The one that is being filled, else the current one."
    )
    status = serializers.ChoiceField(choices=CustomerEmbedding.Status.choices)
    text = serializers.CharField(
        allow_blank=True, help_text="What to embed. Empty: nothing is known of this customer."
    )
    text_sha256 = serializers.CharField(help_text="Send it back with the vector.")
    template = serializers.CharField(help_text="The version of the words.")
    embedded_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    attempts = serializers.IntegerField()


class VectorSerializer(StrictFields):
    """A vector that another system computed."""

    vector = serializers.ListField(
        child=serializers.FloatField(),
        min_length=1,
        max_length=LARGEST_DIMENSION,
        help_text="Finite numbers, not all zero, as many as the model's dimension.",
    )
    model = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The model's id; by default the one that is being filled, else the current one.",
    )
    text_sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}$",
        required=False,
        help_text="Of the text that was embedded. If it has changed since, the vector is stale.",
    )


class ProductStandingSerializer(StandingSerializer):
    """The text of a product to embed, and what has become of it."""

    customer = None  # type: ignore[assignment] # not inherited
    product = serializers.CharField(source="product.key", help_text="The product's key.")


class CommonTermSerializer(serializers.Serializer[Any]):
    """What both have in common."""

    term = serializers.CharField()
    part = serializers.FloatField(help_text="Of all they have in common, 0 to 1.")


class NeighbourSerializer(serializers.Serializer[Any]):
    """A customer who is like the one asked about."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    likeness = serializers.FloatField(help_text="The cosine of both vectors: 1 is the same taste.")
    in_common = CommonTermSerializer(many=True)
    segment = serializers.CharField(
        source="segment.code", default=None, allow_null=True, help_text="RFM; none: a prospect."
    )
    orders = serializers.IntegerField()


class SimilarSerializer(serializers.Serializer[Any]):
    """The most similar customers, the nearest first."""

    customer = serializers.CharField(help_text="The customer's code.")
    model = ModelInBriefSerializer()
    stale = serializers.BooleanField(help_text="The customer has changed since being embedded.")
    exact = serializers.BooleanField(help_text="All were compared; else an index was walked.")
    results = NeighbourSerializer(many=True)


class SimilarProductSerializer(serializers.Serializer[Any]):
    product = serializers.CharField(source="product.key", help_text="The product's key.")
    name = serializers.CharField(source="product.label")
    likeness = serializers.FloatField(help_text="The cosine of both vectors.")
    in_common = CommonTermSerializer(many=True)


class SimilarProductsSerializer(serializers.Serializer[Any]):
    """The most similar active products, the nearest first."""

    product = serializers.CharField(help_text="The product's key.")
    results = SimilarProductSerializer(many=True)


@extend_schema_view(list=extend_schema(summary="List embedding models, newest first"))
@extend_schema(tags=["embeddings"])
class EmbeddingModelViewSet(ListMixin, CrmViewSet):
    """Vectors of two models are never compared; one is current."""

    queryset = _MODELS.all()
    serializer_class = EmbeddingModelSerializer
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    brief_fields = ("id", "name", "provider", "dimension", "status", "is_current")
    required_scopes = {"list": "embeddings:read"}


def _customer(code: str) -> Customer:
    customer = by_code(code)
    if customer is None:
        raise Http404
    return customer


def _product(key: str) -> Product:
    product = None if "\x00" in key else Product.objects.filter(key=key).first()
    if product is None:
        raise Http404
    return product


_K = OpenApiParameter("k", {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_K},
                      description="How many.")  # fmt: skip


@extend_schema(tags=["embeddings"])
class CustomerEmbeddingViewSet(CrmViewSet):
    """For a workflow of your own: read the text, make the vector, send it."""

    http_method_names = ["get", "head", "put"]
    queryset = CustomerEmbedding.objects.all()
    serializer_class = StandingSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    extra_parameters = {"similar": ("k", "segment", "min_orders")}
    actions_in_conflict = ("similar",)
    required_scopes = {
        "retrieve": "embeddings:read",
        "update": "embeddings:write",
        "similar": "embeddings:read",
    }
    staff_permissions = {
        "retrieve": "analytics.view_customerembedding",
        "update": "analytics.change_customerembedding",
        "similar": "analytics.view_customerembedding",
    }

    @extend_schema(summary="Read the text to embed for a customer", responses=StandingSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        return Response(StandingSerializer(standing(customer=_customer(code))).data)

    @extend_schema(
        summary="Send a customer's vector",
        request=VectorSerializer,
        responses=StandingSerializer,
    )
    def update(self, request: Request, code: str) -> Response:
        """Only where the vectors come from another system (provider external); else 409."""
        values = self.checked(VectorSerializer(data=request.data))
        found = set_embedding(customer_code=_customer(code).code, **values)
        return Response(StandingSerializer(found).data)

    @extend_schema(
        summary="Find similar customers",
        responses=SimilarSerializer,
        parameters=[
            _K,
            OpenApiParameter("segment", str, description="Only of this RFM segment (its code)."),
            OpenApiParameter(
                "min_orders",
                {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
                description="Only customers with so many sales.",
            ),
        ],
    )
    def similar(self, request: Request, code: str) -> Response:
        """By taste, with what they have in common. A filter never hides anybody who fits."""
        customer = _customer(code)
        found = similar_customers(
            customer_id=customer.pk,
            k=whole_number(request, "k", DEFAULT_K, minimum=1),
            segment=request.query_params.get("segment"),
            min_orders=_most_2_31(whole_number(request, "min_orders", 0, minimum=0)) or None,
        )
        shown = {
            "customer": customer.code,
            "model": found.model,
            "stale": found.status == CustomerEmbedding.Status.STALE,
            "exact": found.exact,
            "results": found.neighbours,
        }
        return Response(SimilarSerializer(shown).data)


def _most_2_31(number: int) -> int:
    """Nobody has more orders than the database can count."""
    return min(number, 2**31 - 1)


@extend_schema(tags=["embeddings"])
class ProductSimilarViewSet(CrmViewSet):
    """Products by what they are like, and their vectors where another system makes them."""

    http_method_names = ["get", "head", "put"]
    queryset = Product.objects.all()
    serializer_class = SimilarProductsSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    extra_parameters = {"similar": ("k",)}
    actions_in_conflict = ("similar", "retrieve")
    required_scopes = {
        "retrieve": "embeddings:read",
        "update": "embeddings:write",
        "similar": "embeddings:read",
    }
    staff_permissions = {
        "retrieve": "analytics.view_productembedding",
        "update": "analytics.change_productembedding",
        "similar": "analytics.view_productembedding",
    }

    @extend_schema(
        summary="Read the text to embed for a product", responses=ProductStandingSerializer
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """Charges have none: 409."""
        return Response(ProductStandingSerializer(product_standing(product=_product(key))).data)

    @extend_schema(
        summary="Send a product's vector",
        request=VectorSerializer,
        responses=ProductStandingSerializer,
    )
    def update(self, request: Request, key: str) -> Response:
        """Only where the vectors come from another system (provider external); else 409."""
        values = self.checked(VectorSerializer(data=request.data))
        found = set_product_embedding(product=_product(key), **values)
        return Response(ProductStandingSerializer(found).data)

    @extend_schema(
        summary="Find similar products", responses=SimilarProductsSerializer, parameters=[_K]
    )
    def similar(self, request: Request, key: str) -> Response:
        product = _product(key)
        found = similar_products(
            product_id=product.pk, k=whole_number(request, "k", DEFAULT_K, minimum=1)
        )
        return Response(SimilarProductsSerializer({"product": product.key, "results": found}).data)
