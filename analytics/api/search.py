from typing import Any

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.selectors.search import KINDS, MAX_LIMIT, SearchResult, search
from crm_project.common.api.kinds import PARAMETER, Kinds, chosen_kinds, kinds_parameter
from crm_project.common.api.pagination import whole_number
from crm_project.common.api.permissions import may
from crm_project.common.api.views import CrmViewSet

_KINDS: Kinds = {
    "customers": ("customers:read", "customers.view_customer"),
    "products": ("products:read", "orders.view_product"),
    "signals": ("signals:read", "analytics.view_signal"),
}
_DEFAULT_LIMIT = 10


class HitSerializer(serializers.Serializer[Any]):
    """One row found."""

    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.CharField(help_text="A signal's id, or the number of customer or product.")
    key = serializers.CharField(help_text="Customer's code, product's key or signal's type.")
    title = serializers.CharField()
    highlight = serializers.CharField(
        help_text="What was found in it, as safe HTML: escaped, with <mark> around the words."
    )
    rank = serializers.FloatField(help_text="To be compared within a kind only.")
    exact = serializers.BooleanField(help_text="Its code, key or address is what was asked for.")
    customer = serializers.CharField(
        source="customer_code", help_text="Code of the customer whom it is about; may be empty."
    )
    occurred_at = serializers.DateTimeField(allow_null=True, help_text="Of a signal.")


class SearchSerializer(serializers.Serializer[Any]):
    """What was found: one page, in the envelope of every list."""

    count = serializers.SerializerMethodField(help_text="Null where there are more hits.")
    next = serializers.SerializerMethodField()
    previous = serializers.SerializerMethodField()
    query = serializers.CharField(help_text="What was searched.")
    did_you_mean = serializers.CharField(
        help_text="Set when nothing was found as typed: the words whose hits these are."
    )
    more = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS),
        help_text="Kinds of which there are more hits than shown.",
    )
    incomplete = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS),
        help_text="Kinds whose search was stopped, because it took too long.",
    )
    results = HitSerializer(source="hits", many=True)

    def get_count(self, found: SearchResult) -> int | None:
        return None if found.more or found.incomplete else len(found.hits)

    def get_next(self, found: SearchResult) -> str | None:
        return None

    def get_previous(self, found: SearchResult) -> str | None:
        return None


@extend_schema(tags=["search"])
class SearchViewSet(CrmViewSet):
    """Customers, products and signals by words."""

    pagination_class = None
    filter_backends: list[Any] = []
    serializer_class = SearchSerializer
    extra_parameters = {"list": ("q", "limit", PARAMETER)}
    required_scopes = {"list": tuple(scope for scope, _ in _KINDS.values())}
    staff_permissions = {"list": tuple(permission for _, permission in _KINDS.values())}

    @extend_schema(
        summary="Search customers, products and signals",
        parameters=[
            OpenApiParameter(
                "q",
                str,
                required=True,
                description='All words must occur; "two words" side by side, or, -without.',
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1},
                description=f"Hits of each kind. {_DEFAULT_LIMIT} unless given, {MAX_LIMIT} at"
                " most.",
            ),
            kinds_parameter(_KINDS),
        ],
        responses=forced_singular_serializer(SearchSerializer),
    )
    def list(self, request: Request) -> Response:
        """The best first within each kind; small mistakes in typing are forgiven."""
        words = request.query_params.get("q", "").strip()
        if not words:
            raise exceptions.ValidationError({"q": ["Give the words to search for."]})
        limit = min(whole_number(request, "limit", _DEFAULT_LIMIT, minimum=1), MAX_LIMIT)
        scope, permission = _KINDS["customers"]
        names = may(request, (scope,), (permission,))
        found = search(words, kinds=chosen_kinds(request, _KINDS), limit=limit, names=names)
        return Response(SearchSerializer(found).data)
