from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import filters, filterset
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import SignalScore
from analytics.selectors.signal_scores import live_score
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.serializers import Sparse
from crm_project.common.api.views import CrmViewSet, ListMixin
from customers.selectors.customers import by_code


class SignalScoreFilter(filterset.FilterSet):
    """Filters of the scores."""

    score_min = filters.NumberFilter(field_name="score", lookup_expr="gte", label="At least.")
    intent_min = filters.NumberFilter(field_name="intent", lookup_expr="gte", label="At least.")


class SignalScoreSerializer(Sparse, serializers.ModelSerializer[SignalScore]):
    """What a customer's own signals said about their interest last night."""

    customer = serializers.CharField(source="customer.code", help_text="The customer's code.")
    score = serializers.FloatField(help_text="0 to 1; fades by half in 30 days.")
    intent = serializers.FloatField(help_text="The strongest of the last 14 days; 0 without one.")

    class Meta:
        model = SignalScore
        fields = ["customer", "score", "intent", "last_signal_at", "signals_90d", "as_of"]
        read_only_fields = fields


class ContributionSerializer(serializers.Serializer[Any]):
    """A signal that counts."""

    event_type = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    score = serializers.FloatField(help_text="When it happened.")
    left = serializers.FloatField(help_text="What is left of it.")


class LiveScoreSerializer(serializers.Serializer[Any]):
    """What a customer's own signals say about their interest now; zero without signals."""

    customer = serializers.CharField(help_text="The customer's code.")
    score = serializers.FloatField(help_text="0 to 1; fades by half in 30 days.")
    intent = serializers.FloatField(help_text="The strongest of the last 14 days; 0 without one.")
    strong_intent = serializers.BooleanField()
    last_signal_at = serializers.DateTimeField(allow_null=True)
    signals_90d = serializers.IntegerField()
    as_of = serializers.DateTimeField()
    reasons = ContributionSerializer(many=True, help_text="What counts most, the strongest first.")


@extend_schema_view(list=extend_schema(summary="List customers by their interest"))
@extend_schema(tags=["signals"])
class SignalScoreViewSet(ListMixin, CrmViewSet):
    """Who is interested, by what they did themselves: what we send never counts."""

    queryset = SignalScore.objects.all()
    serializer_class = SignalScoreSerializer
    filterset_class = SignalScoreFilter
    pagination_class = CursorPagination
    lookup_field = "customer"
    lookup_value_regex = "[^/]+"
    default_ordering = ("-score", "customer_id")
    unique_ordering = frozenset({"customer_id"})
    brief_fields = ("customer", "score", "intent")
    sparse_actions = frozenset({"list"})
    required_scopes = {"list": "signals:read", "retrieve": "signals:read"}

    def get_queryset(self) -> QuerySet[SignalScore]:
        return SignalScore.objects.select_related("customer")

    @extend_schema(summary="Read one customer's interest as of now", responses=LiveScoreSerializer)
    def retrieve(self, request: Request, customer: str) -> Response:
        found = by_code(customer)
        if found is None:
            raise Http404
        score = live_score(found)
        more = {"strong_intent": score.strong_intent, "customer": found.code}
        return Response(LiveScoreSerializer({**asdict(score), **more}).data)
