from datetime import date
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_date
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.selectors.profiles import Profile, shown_profile
from crm_project.common.api.views import CrmViewSet
from customers.selectors.customers import by_code

_EARLIEST = date(1970, 1, 1)


def _score() -> serializers.FloatField:
    return serializers.FloatField(min_value=0, max_value=1)


class ShareSerializer(serializers.Serializer[Any]):
    """One value and its part in the revenue of which the value is known, net of returns."""

    value = serializers.CharField()
    share = _score()
    revenue = serializers.DecimalField(max_digits=14, decimal_places=2)


class ArticleShareSerializer(ShareSerializer):
    """One article; ``value`` is its key."""

    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class AromaSerializer(serializers.Serializer[Any]):
    """How strong an axis of aroma is liked, and how sure that is."""

    score = _score()
    confidence = _score()
    level = serializers.ChoiceField(choices=["low", "medium", "high"], help_text="Of the score.")


class ArticleSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


def _shares(child: type[ShareSerializer] = ShareSerializer) -> Any:
    return child(many=True, allow_null=True, help_text="At most five, the greatest first.")


class ProfileSerializer(serializers.Serializer[Any]):
    """What a customer buys. Null is "not known"; ``reason`` says why there is no profile."""

    customer = serializers.CharField(help_text="The customer's code.")
    as_of = serializers.DateField(
        allow_null=True, help_text="The end of this day was described when it last changed."
    )
    reason = serializers.CharField(allow_null=True)
    orders = serializers.IntegerField(default=None, allow_null=True)
    average_order_value = serializers.DecimalField(
        max_digits=14, decimal_places=2, default=None, allow_null=True
    )
    returns_share = serializers.FloatField(default=None, allow_null=True)
    median_gap_days = serializers.FloatField(default=None, allow_null=True)
    preferred_hour = serializers.IntegerField(default=None, allow_null=True)
    preferred_weekday = serializers.IntegerField(
        default=None, allow_null=True, help_text="1 is Monday."
    )
    preferred_season = serializers.CharField(default=None, allow_null=True)
    first_product = ArticleSerializer(default=None, allow_null=True)
    last_product = ArticleSerializer(default=None, allow_null=True)
    channels = _shares()
    families = _shares()
    grapes = _shares()
    sugar_levels = _shares()
    price_bands = _shares()
    products = _shares(ArticleShareSerializer)
    aromas = serializers.DictField(
        child=AromaSerializer(), allow_null=True, help_text="By axis, like fruity."
    )
    aroma_confidence = serializers.FloatField(default=None, allow_null=True)


@extend_schema(tags=["customers"])
class ProfileViewSet(CrmViewSet):
    """What a customer buys, when, and how often."""

    serializer_class = ProfileSerializer
    pagination_class = None
    filter_backends: list[Any] = []
    lookup_field = "code"
    extra_parameters = {"list": ("as_of",)}
    required_scopes = {"list": "profiles:read"}
    staff_permissions = {"list": "analytics.view_customerprofile"}

    @extend_schema(
        summary="Read a customer's profile",
        parameters=[
            OpenApiParameter(
                "as_of", date, description="As it was at the end of this day; computed now."
            )
        ],
        operation_id="customer_profile_retrieve",
        responses=forced_singular_serializer(ProfileSerializer),
    )
    def list(self, request: Request, code: str) -> Response:
        """The stored profile of the last refresh, or what could be known on an earlier day."""
        customer = by_code(code)
        if customer is None:
            raise Http404
        found = shown_profile(customer_id=customer.pk, as_of=_day(request))
        return Response(ProfileSerializer(_shown(customer.code, found)).data)


def _shown(code: str, found: Profile) -> dict[str, Any]:
    return {"customer": code, "as_of": found.as_of, "reason": found.reason, **found.values}


def _day(request: Request) -> date | None:
    """Return the day asked for; refuses what is no day, or still to come."""
    text = request.query_params.get("as_of")
    if text is None:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or not _EARLIEST <= day <= timezone.localdate():
        raise exceptions.ValidationError({"as_of": ["Give today or a day before."]})
    return day
