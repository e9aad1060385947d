"""What customers allowed, and why some are left alone."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crm_project.common.api.batches import sort_out
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin
from customers.api.consent_serializers import (
    BlockChangeSerializer,
    BlockInputSerializer,
    BlockSerializer,
    ConsentBatchAnswerSerializer,
    ConsentBatchSerializer,
    ConsentInputSerializer,
    ConsentSerializer,
)
from customers.api.filters import BlockFilter, ConsentFilter
from customers.models import Consent, ContactBlock
from customers.selectors.customers import by_code
from customers.services.blocks import block, change_block, lift
from customers.services.consents import Given, RecordedConsents, record_consents

_READ, _WRITE = "consents:read", "consents:write"
_UNKNOWN = serializers.ErrorDetail("There is no such customer.", "does_not_exist")


@extend_schema_view(
    list=extend_schema(summary="List consents"),
    retrieve=extend_schema(summary="Read one consent"),
)
@extend_schema(tags=["contacts"])
class ConsentViewSet(ListMixin, RetrieveMixin):
    """What customers allowed or refused, per channel and purpose: the newest decision of each."""

    queryset = Consent.objects.select_related("customer")
    serializer_class = ConsentSerializer
    filterset_class = ConsentFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"
    ordering_fields = ("id",)
    brief_fields = ("id", "customer", "channel", "purpose", "status")
    required_scopes = {"list": _READ, "retrieve": _READ, "create": _WRITE, "batch": _WRITE}
    # Recording replaces what was decided before.
    staff_permissions = {
        "create": "customers.change_consent",
        "batch": "customers.change_consent",
    }

    @extend_schema(
        summary="Record a consent",
        request=ConsentInputSerializer,
        responses={201: ConsentSerializer, 200: ConsentSerializer},
    )
    def create(self, request: Request) -> Response:
        """201 when it is the first of this customer, channel and purpose; 200 else.

        The newest decision stands: an older one than the stored changes nothing.
        """
        values = self.checked(ConsentInputSerializer(data=request.data))
        found = record_consents(consents=[Given(**values)])
        if found.unknown:
            raise serializers.ValidationError({"customer": [_UNKNOWN]})
        key, outcome = found.taken[0]
        code = status.HTTP_201_CREATED if outcome == "new" else status.HTTP_200_OK
        response = self.answer(self.get_queryset().get(pk=key), code=code)
        response["Location"] = reverse("consent-detail", [key], request=request)
        return response

    @extend_schema(
        summary="Record many consents",
        request=ConsentBatchSerializer,
        responses=ConsentBatchAnswerSerializer,
    )
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Up to 1,000 at once, each as if it came alone. Repeating a batch changes nothing."""
        given = self.checked(ConsentBatchSerializer(data=request.data))["consents"]
        places, consents, rejected = sort_out(
            given, serializer=ConsentInputSerializer, make=Given, name="customer", longest=64
        )
        found = record_consents(consents=consents)
        return Response(_told(found, places, rejected))


@extend_schema_view(
    list=extend_schema(summary="List opt-outs, bounces and pauses"),
    retrieve=extend_schema(summary="Read one of them"),
)
@extend_schema(tags=["contacts"])
class BlockViewSet(ListMixin, RetrieveMixin):
    """Why customers are left alone: opt-outs, bounces and pauses, each with its reason."""

    queryset = ContactBlock.objects.select_related("customer")
    serializer_class = BlockSerializer
    filterset_class = BlockFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"
    ordering_fields = ("id",)
    default_ordering = ("-id",)
    brief_fields = ("id", "customer", "channel", "kind", "reason", "until")
    required_scopes = {
        **dict.fromkeys(("list", "retrieve"), _READ),
        **dict.fromkeys(("create", "partial_update", "lift"), _WRITE),
    }
    staff_permissions = {"lift": "customers.change_contactblock"}

    @extend_schema(
        summary="Leave a customer alone",
        request=BlockInputSerializer,
        responses={201: BlockSerializer, 200: BlockSerializer},
    )
    def create(self, request: Request) -> Response:
        """An opt-out, a bounce or a pause. 200 when the same is stored already.

        An opt-out of all channels for good also raises the customer's ``is_optout``; a bounce of
        e-mail for good, ``is_bounced``.
        """
        values = self.checked(BlockInputSerializer(data=request.data))
        customer = by_code(values.pop("customer"))
        if customer is None:
            raise serializers.ValidationError({"customer": [_UNKNOWN]})
        made = block(customer_id=customer.pk, **values)
        code = status.HTTP_201_CREATED if made.is_new else status.HTTP_200_OK
        response = self.answer(made.block, code=code)
        response["Location"] = reverse("contact-block-detail", [made.block.pk], request=request)
        return response

    @extend_schema(
        summary="Move the end of a block",
        request=BlockChangeSerializer,
        responses=BlockSerializer,
    )
    def partial_update(self, request: Request, id: str) -> Response:
        """Another ``until``; null makes it one for good."""
        values = self.checked(BlockChangeSerializer(data=request.data))
        found = self.get_object()
        return self.answer(change_block(block_id=found.pk, until=values["until"]))

    @extend_schema(summary="Lift a block now", request=None, responses=BlockSerializer)
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, id: str) -> Response:
        """It stays readable; contact is allowed again from now on, if nothing else is against."""
        return self.answer(lift(block_id=self.get_object().pk))


def _told(
    found: RecordedConsents, places: Sequence[int], rejected: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the answer, in the places that the caller counts in."""
    unknown = [
        {"index": places[at], "customer": None, "attr": "customer", "code": _UNKNOWN.code,
         "detail": str(_UNKNOWN)}
        for at in found.unknown
    ]  # fmt: skip
    results = [
        {"index": places[at], "id": key, "outcome": outcome}
        for at, (key, outcome) in sorted(found.taken.items())
    ]
    return {
        "new": found.count("new"),
        "changed": found.count("changed"),
        "unchanged": found.count("unchanged"),
        "results": results,
        "rejected": sorted([*rejected, *unknown], key=lambda row: int(row["index"])),
    }
