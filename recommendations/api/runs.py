from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters.rest_framework import filters, filterset
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import CrmViewSet, ListMixin, RetrieveMixin
from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from recommendations.api.run_serializers import (
    RecoExclusionSerializer,
    RecoItemSerializer,
    RecoRunDetailSerializer,
    RecoRunSerializer,
    StartRunSerializer,
)
from recommendations.models import Decided, RecoExclusion, RecoItem, RecoRun, Scenario, Slot
from recommendations.selectors.configs import find_config

KEY = "[0-9]{1,9}"


class RecoRunFilter(filterset.FilterSet):
    """Filters of the runs."""

    as_of = filters.DateFilter(label="The day described.")
    status = filters.ChoiceFilter(choices=RecoRun.Status.choices, label="How it ended.")
    mode = filters.ChoiceFilter(choices=RecoRun.Mode.choices, label="What ranked the products.")
    is_current = filters.BooleanFilter(label="What everybody sees.")


class RecoItemFilter(filterset.FilterSet):
    """Filters of a run's items."""

    customer = filters.CharFilter(field_name="customer__code", label="A customer's code.")
    product = filters.CharFilter(field_name="product__key", label="A product's key.")
    scenario = filters.ChoiceFilter(choices=Scenario.choices, label="Why it is offered.")
    slot = filters.ChoiceFilter(choices=Slot.choices, label="Bought before, or new.")
    status = filters.ChoiceFilter(choices=Decided.choices, label="What people decided.")
    rank = filters.NumberFilter(min_value=1, max_value=10, label="Place in the list.")


class RecoExclusionFilter(filterset.FilterSet):
    """Filters of a run's exclusions."""

    customer = filters.CharFilter(field_name="customer__code", label="A customer's code.")
    stage = filters.ChoiceFilter(choices=RecoExclusion.Stage.choices, label="Offer or contact.")
    code = filters.CharFilter(field_name="code", label="The first rule that failed.")


@extend_schema_view(
    list=extend_schema(summary="List runs of recommendations, newest first"),
    retrieve=extend_schema(
        summary="Read a run: counts, quality, checks", responses=RecoRunDetailSerializer
    ),
)
@extend_schema(tags=["recommendations"])
class RecoRunViewSet(ListMixin, RetrieveMixin):
    """Runs of recommendations: which day, which settings, what was found."""

    queryset = RecoRun.objects.select_related("config")
    serializer_class = RecoRunSerializer
    filterset_class = RecoRunFilter
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    lookup_value_regex = KEY
    brief_fields = ("id", "as_of", "status", "is_current", "mode")
    sparse_actions = frozenset({"list"})
    required_scopes = {
        "list": "recommendations:read",
        "retrieve": "recommendations:read",
        "create": "recommendations:write",
    }
    staff_permissions = {"create": "recommendations.add_recorun"}

    def get_serializer_class(self) -> Any:
        return RecoRunDetailSerializer if self.action == "retrieve" else RecoRunSerializer

    @extend_schema(
        summary="Recommend anew", request=StartRunSerializer, responses={202: AcceptedSerializer}
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is. Readers see the old run until then."""
        values = self.checked(StartRunSerializer(data=request.data))
        day: date | None = values.get("as_of")
        with transaction.atomic():
            job = create_job(
                kind="recommend",
                params={
                    "as_of": day.isoformat() if day else None,
                    "config": _known_config(values.get("config")),
                    "customers": values.get("customers"),
                    "origin": RecoRun.Origin.API.value,
                },
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)


def _known_config(text: str | None) -> str | None:
    """Return the whole hash, so that the job means what the caller meant."""
    if text is None:
        return None
    try:
        return find_config(text).hash
    except CrmError as error:
        raise exceptions.ValidationError({"config": [str(error)]}) from error


class _PartOfRun(ListMixin, CrmViewSet):
    """Rows of one run, in the order of its partition's keys."""

    pagination_class = CursorPagination
    required_scopes = {"list": "recommendations:read"}

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        run = RecoRun.objects.filter(pk=int(self.kwargs["run"])).first()
        if run is None:
            raise exceptions.NotFound
        if run.items_dropped_at:
            raise exceptions.NotFound("The items of this run were removed; its counts remain.")
        return rows.filter(run_id=run.pk)


_RUN = OpenApiParameter("run", int, "path", description="The run's id.")


@extend_schema_view(list=extend_schema(summary="List the items of a run"))
@extend_schema(tags=["recommendations"], parameters=[_RUN])
class RunItemViewSet(_PartOfRun):
    """Products offered in a run, by customer and rank, with their reasons."""

    queryset = RecoItem.objects.select_related("customer", "product")
    serializer_class = RecoItemSerializer
    filterset_class = RecoItemFilter
    default_ordering = ("id",)
    brief_fields = ("id", "customer", "rank", "product", "scenario", "score")


@extend_schema_view(list=extend_schema(summary="List who was left out of a run, and why"))
@extend_schema(tags=["recommendations"], parameters=[_RUN])
class RunExclusionViewSet(_PartOfRun):
    """Customers who are offered nothing or may not be contacted, with the rule and its evidence."""

    queryset = RecoExclusion.objects.select_related("customer")
    serializer_class = RecoExclusionSerializer
    filterset_class = RecoExclusionFilter
    default_ordering = ("customer_id", "stage")
    unique_ordering = frozenset({"stage"})
