from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crm_project.common.api.batches import sort_out
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin
from customers.api.contact_serializers import (
    CampaignSerializer,
    ContactBatchAnswerSerializer,
    ContactBatchSerializer,
    ContactInputSerializer,
    ContactSerializer,
)
from customers.api.filters import CampaignFilter, ContactFilter
from customers.models import Campaign, ContactEvent
from customers.services.contacts import Contact, Recorded, record_contacts

_UNKNOWN = "does_not_exist"


@extend_schema_view(
    list=extend_schema(summary="List contacts, newest first"),
    retrieve=extend_schema(summary="Read one contact"),
)
@extend_schema(tags=["contacts"])
class ContactViewSet(ListMixin, RetrieveMixin):
    """Messages to and from customers: what a silence window reads.

    Sending systems report them under their own ``external_id``; a repeated report changes nothing.
    """

    queryset = ContactEvent.objects.all()
    serializer_class = ContactSerializer
    filterset_class = ContactFilter
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"
    ordering_fields = ("occurred_at", "id")
    default_ordering = ("-occurred_at", "-id")
    brief_fields = ("id", "external_id", "customer", "occurred_at", "channel", "status")
    required_scopes = {
        "list": "contacts:read",
        "retrieve": "contacts:read",
        "create": "contacts:write",
        "batch": "contacts:write",
    }

    def get_queryset(self) -> QuerySet[ContactEvent]:
        return ContactEvent.objects.select_related("customer", "campaign")

    @extend_schema(
        summary="Record a contact",
        request=ContactInputSerializer,
        responses={201: ContactSerializer, 200: ContactSerializer},
    )
    def create(self, request: Request) -> Response:
        """201 when it is new; 200 when its ``external_id`` is known, with what it is now."""
        values = self.checked(ContactInputSerializer(data=request.data))
        found = record_contacts(contacts=[Contact(**values)])
        if found.refused:
            wrong = found.refused[0]
            detail = serializers.ErrorDetail(wrong.detail, _UNKNOWN)
            raise serializers.ValidationError({wrong.attr: [detail]})
        key, outcome = found.taken[0]
        code = status.HTTP_201_CREATED if outcome == "new" else status.HTTP_200_OK
        response = self.answer(self.get_queryset().get(pk=key), code=code)
        response["Location"] = reverse("contact-detail", [key], request=request)
        return response

    @extend_schema(
        summary="Record many contacts",
        request=ContactBatchSerializer,
        responses=ContactBatchAnswerSerializer,
    )
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> Response:
        """Up to 1,000 at once, each as if it came alone. Repeating a batch changes nothing."""
        given = self.checked(ContactBatchSerializer(data=request.data))["contacts"]
        places, contacts, rejected = sort_out(
            given, serializer=ContactInputSerializer, make=Contact, name="external_id", longest=200
        )
        found = record_contacts(contacts=contacts)
        return Response(_told(found, places, contacts, rejected))


@extend_schema_view(
    list=extend_schema(summary="List campaigns"),
    retrieve=extend_schema(summary="Read one campaign"),
)
@extend_schema(tags=["contacts"])
class CampaignViewSet(ListMixin, RetrieveMixin):
    """What contacts are planned and belong to. Campaigns are edited in the admin."""

    queryset = Campaign.objects.all()
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilter
    lookup_field = "code"
    lookup_value_regex = "[^/]+"
    ordering_fields = ("code", "id")
    unique_ordering = frozenset({"code", "id"})
    default_ordering = ("code",)
    brief_fields = ("id", "code", "name", "channel", "starts_at")
    required_scopes = {"list": "contacts:read", "retrieve": "contacts:read"}


def _told(
    found: Recorded,
    places: Sequence[int],
    contacts: Sequence[Contact],
    rejected: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return the answer, in the places that the caller counts in."""
    results = [
        {
            "index": places[at],
            "external_id": contacts[at].external_id,
            "id": key,
            "outcome": outcome,
        }
        for at, (key, outcome) in found.taken.items()
    ]
    unknown = [
        {
            "index": places[wrong.index],
            "external_id": contacts[wrong.index].external_id,
            "attr": wrong.attr,
            "code": _UNKNOWN,
            "detail": wrong.detail,
        }
        for wrong in found.refused
    ]
    return {
        "new": found.count("new"),
        "changed": found.count("changed"),
        "unchanged": found.count("unchanged"),
        "results": results,
        "rejected": sorted([*rejected, *unknown], key=lambda row: int(row["index"])),
    }
