from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters.rest_framework import filters, filterset
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import CrmViewSet, ListMixin, RetrieveMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from orders.api.label_serializers import (
    AcceptSerializer,
    DecidedSerializer,
    DecideSerializer,
    DeriveSerializer,
    LabelSuggestionSerializer,
    ProductAliasSerializer,
    SuggestSerializer,
)
from orders.models import LabelSuggestion, Product, ProductAlias
from orders.models.label_suggestion import LabelSuggestionQuerySet
from orders.services.label_decisions import Decided, accept, reject, reopen
from orders.services.product_aliases import add_alias, remove_alias

_DECIDE = "orders.decide_labelsuggestion"
_ID = "[0-9]{1,18}"


class LabelSuggestionFilter(filterset.FilterSet):
    """Filters of the queue."""

    status = filters.ChoiceFilter(
        choices=LabelSuggestion.Status.choices, label="This status only; all unless given."
    )
    origin = filters.ChoiceFilter(
        choices=LabelSuggestion.Origin.choices, label="Refused lines, or products alike."
    )
    q = filters.CharFilter(
        method="filter_q", label="Words that the label contains.", max_length=200
    )
    product = filters.CharFilter(field_name="product__key", label="The proposed product's key.")
    source = filters.CharFilter(label="Exactly this source.")
    batch = filters.NumberFilter(
        field_name="batch", min_value=0, max_value=2**31 - 1, label="Refused by this import last."
    )

    def filter_q(
        self, rows: LabelSuggestionQuerySet, name: str, value: str
    ) -> LabelSuggestionQuerySet:
        return rows.search(value)


def _user(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None


def start(request: Request, kind: str, params: dict[str, Any]) -> Response:
    """Write a job down and answer where to ask how far it is."""
    with transaction.atomic():
        job = create_job(
            kind=kind,
            params=params,
            user=_user(request),
            request_id=request.META["crm.request_id"],
        )
        enqueue(job)
        return accepted(job, request)


@extend_schema_view(
    list=extend_schema(summary="List labels and the products they may belong to"),
    retrieve=extend_schema(summary="Read one label of the queue"),
)
@extend_schema(tags=["products"])
class LabelSuggestionViewSet(ListMixin, RetrieveMixin):
    """Labels of refused order lines, and products that look alike. A person decides."""

    queryset = LabelSuggestion.objects.select_related("product", "other", "decided_by")
    serializer_class = LabelSuggestionSerializer
    filterset_class = LabelSuggestionFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = _ID
    default_ordering = ("-id",)
    brief_fields = ("id", "label", "seen", "product", "similarity", "status")
    required_scopes = {
        **dict.fromkeys(("list", "retrieve"), "products:read"),
        **dict.fromkeys(("accept", "reject", "reopen", "decide", "suggest"), "products:write"),
    }
    staff_permissions = dict.fromkeys(("accept", "reject", "reopen", "decide", "suggest"), _DECIDE)

    @extend_schema(
        summary="Accept: make the label an alias",
        request=AcceptSerializer,
        responses=DecidedSerializer,
    )
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, id: str) -> Response:
        """Then the refused lines can be imported again."""
        values = self.checked(AcceptSerializer(data=request.data))
        found = accept(ids=[self.get_object().pk], user=_user(request), **values)
        return self._decided(found)

    @extend_schema(
        summary="Reject: the label is not this product's", request=None, responses=DecidedSerializer
    )
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, id: str) -> Response:
        """It is remembered; only a product that is more alike opens the label again."""
        return self._decided(reject(ids=[self.get_object().pk], user=_user(request)))

    @extend_schema(summary="Open a rejected label again", request=None, responses=DecidedSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, id: str) -> Response:
        """To decide anew."""
        return self._decided(reopen(ids=[self.get_object().pk]))

    @extend_schema(
        summary="Decide about many labels", request=DecideSerializer, responses=DecidedSerializer
    )
    @action(detail=False, methods=["post"])
    def decide(self, request: Request) -> Response:
        """All of them, or none and the reason."""
        asked = self.checked(DecideSerializer(data=request.data))
        if asked["decision"] == "reopen":
            return self._decided(reopen(ids=asked["ids"]))
        work = accept if asked["decision"] == "accept" else reject
        return self._decided(work(ids=asked["ids"], user=_user(request)))

    @extend_schema(
        summary="Look for suggestions", request=SuggestSerializer,
        responses={202: AcceptedSerializer},
    )  # fmt: skip
    @action(detail=False, methods=["post"])
    def suggest(self, request: Request) -> Response:
        """As a job: products for the labels that wait, and products that look alike."""
        return start(request, "suggest_aliases", self.checked(SuggestSerializer(data=request.data)))

    def _decided(self, found: Decided) -> Response:
        rows = self.get_queryset().filter(pk__in=[row.pk for row in found.suggestions])
        shown = {"suggestions": rows.order_by("pk"), "batches": found.batches}
        return Response(DecidedSerializer(shown).data)


class ProductAliasFilter(filterset.FilterSet):
    """Filters of the aliases."""

    product = filters.CharFilter(field_name="product__key", label="The product's key.")
    label = filters.CharFilter(method="filter_label", label="Exactly this label, any case.")

    def filter_label(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(normalized_label=value.strip().lower())


@extend_schema_view(
    list=extend_schema(summary="List other labels of products"),
    retrieve=extend_schema(summary="Read one alias"),
)
@extend_schema(tags=["products"])
class ProductAliasViewSet(ListMixin, RetrieveMixin):
    """Other labels, under which lines of orders name a product."""

    queryset = ProductAlias.objects.select_related("product")
    serializer_class = ProductAliasSerializer
    filterset_class = ProductAliasFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = _ID
    default_ordering = ("-id",)
    brief_fields = ("id", "label", "product")
    required_scopes = {
        **dict.fromkeys(("list", "retrieve"), "products:read"),
        **dict.fromkeys(("create", "destroy"), "products:write"),
    }

    @extend_schema(summary="Give a product another label")
    def create(self, request: Request) -> Response:
        alias = add_alias(**self.validated(request.data))
        return self.answer(alias, code=status.HTTP_201_CREATED)

    @extend_schema(summary="Take a label from a product", responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Orders that came in under it keep their product."""
        remove_alias(alias_id=self.get_object().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["products"])
class CatalogueViewSet(CrmViewSet):
    """What can be read from the shop's own sales where it gives nothing itself."""

    queryset = Product.objects.all()
    serializer_class = DeriveSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    required_scopes = {"derive": "products:write"}
    staff_permissions = {"derive": "orders.derive_product"}

    @extend_schema(
        summary="Fill what the catalogue lacks",
        request=DeriveSerializer,
        responses={202: AcceptedSerializer},
    )
    @action(detail=False, methods=["post"])
    def derive(self, request: Request) -> Response:
        """As a job: families, prices, price bands. Only empty fields, and marked as derived."""
        return start(request, "derive_catalogue", self.checked(DeriveSerializer(data=request.data)))
