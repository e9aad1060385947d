from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_filters.rest_framework import filters, filterset
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.segmentation_serializers import (
    LARGEST_KEY,
    BuildSerializer,
    ClusterMemberSerializer,
    ClusterMovementSerializer,
    ClusterSerializer,
    CompareSerializer,
    ComparisonSerializer,
    RenameSerializer,
    SegmentationDetailSerializer,
    SegmentationSerializer,
)
from analytics.models import (
    Segmentation,
    SegmentationCluster,
    SegmentationComparison,
    SegmentationMember,
)
from analytics.selectors.segmentations import segmentation_movement
from analytics.services.segmentation_names import rename_cluster
from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination, whole_number
from crm_project.common.api.views import CrmViewSet, ListMixin, RetrieveMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue

KEY = "[0-9]{1,9}"
NUMBER = "[0-9]{1,4}"


class SegmentationFilter(filterset.FilterSet):
    """Filters of the segmentations."""

    kind = filters.ChoiceFilter(choices=Segmentation.Kind.choices, label="The way of grouping.")
    status = filters.ChoiceFilter(choices=Segmentation.Status.choices, label="How it ended.")
    is_current = filters.BooleanFilter(label="What everybody sees.")
    as_of = filters.DateFilter(label="The day described.")


class MemberFilter(filterset.FilterSet):
    """Filters of the members."""

    number = filters.NumberFilter(
        field_name="number", min_value=0, max_value=32_767, label="The group's number."
    )


def started(request: Request, kind: str, values: dict[str, Any]) -> Response:
    """Create a job and answer with where to ask how far it is."""
    with transaction.atomic():
        job = create_job(
            kind=kind,
            params={name: _plain(value) for name, value in values.items()},
            user=request.user if isinstance(request.user, User) else None,
            request_id=request.META["crm.request_id"],
        )
        enqueue(job)
        return accepted(job, request)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@extend_schema_view(
    list=extend_schema(summary="List segmentations, newest first"),
    retrieve=extend_schema(
        summary="Read a segmentation with its groups", responses=SegmentationDetailSerializer
    ),
)
@extend_schema(tags=["segments"])
class SegmentationViewSet(ListMixin, RetrieveMixin):
    """Customers in groups by behaviour, by taste, by both, and by the RFM map, day by day."""

    queryset = Segmentation.objects.all()
    serializer_class = SegmentationSerializer
    filterset_class = SegmentationFilter
    pagination_class = CursorPagination
    lookup_value_regex = KEY
    default_ordering = ("-id",)
    brief_fields = ("id", "kind", "as_of", "k", "customers", "is_current")
    required_scopes = {
        "list": "segments:read",
        "retrieve": "segments:read",
        "movement": "segments:read",
        "create": "segments:write",
        "rename": "segments:write",
    }
    staff_permissions = {"rename": "analytics.change_segmentationcluster"}
    extra_parameters = {"movement": ("to",)}

    def get_queryset(self) -> QuerySet[Segmentation]:
        rows = super().get_queryset()
        return rows.prefetch_related("clusters") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> Any:
        return SegmentationDetailSerializer if self.action == "retrieve" else SegmentationSerializer

    @extend_schema(
        summary="Group all customers anew",
        request=BuildSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is. Readers see the old groups until then."""
        return started(
            request, "segment_customers", self.checked(BuildSerializer(data=request.data))
        )

    @extend_schema(
        summary="Give a group a name of one's own",
        request=RenameSerializer,
        responses=ClusterSerializer,
        parameters=[OpenApiParameter("number", int, "path", description="The group's number.")],
    )
    @action(detail=True, methods=["patch"], url_path=f"clusters/(?P<number>{NUMBER})")
    def rename(self, request: Request, pk: str, number: str) -> Response:
        """An empty name brings the automatic one back. It stays while the customers stay alike."""
        values = self.checked(RenameSerializer(data=request.data))
        cluster = SegmentationCluster.objects.filter(
            segmentation=self.get_object(), number=int(number)
        ).first()
        if cluster is None:
            raise exceptions.NotFound
        user = request.user if isinstance(request.user, User) else None
        found = rename_cluster(cluster_id=cluster.pk, name=values["name"], user=user)
        return Response(ClusterSerializer(found).data)

    @extend_schema(
        summary="Who went from which group to which",
        responses=ClusterMovementSerializer,
        parameters=[
            OpenApiParameter(
                "to", int, required=True, description="A later segmentation of the same kind."
            )
        ],
    )
    @action(detail=True)
    def movement(self, request: Request, pk: str) -> Response:
        key = whole_number(request, "to", 0, minimum=1)
        newer = Segmentation.objects.filter(pk=min(key, LARGEST_KEY)).first()
        if newer is None:
            raise exceptions.ValidationError({"to": ["Name a segmentation of the same kind."]})
        found = segmentation_movement(older=self.get_object(), newer=newer)
        return Response(ClusterMovementSerializer(found).data)


@extend_schema_view(list=extend_schema(summary="List the customers of a segmentation"))
@extend_schema(
    tags=["segments"],
    parameters=[OpenApiParameter("segmentation", int, "path", description="Its id.")],
)
class MemberViewSet(ListMixin, CrmViewSet):
    """Customers with the number of their group, by the customers' ids."""

    queryset = SegmentationMember.objects.all()
    serializer_class = ClusterMemberSerializer
    filterset_class = MemberFilter
    pagination_class = CursorPagination
    default_ordering = ("customer_id",)
    unique_ordering = frozenset({"customer_id"})
    required_scopes = {"list": "segments:read"}

    def get_queryset(self) -> QuerySet[SegmentationMember]:
        rows = super().get_queryset().select_related("customer")
        if getattr(self, "swagger_fake_view", False):
            return rows
        if not Segmentation.objects.filter(pk=int(self.kwargs["segmentation"])).exists():
            raise exceptions.NotFound
        return rows.filter(segmentation_id=int(self.kwargs["segmentation"]))


@extend_schema_view(
    list=extend_schema(summary="List comparisons, newest day first"),
    retrieve=extend_schema(summary="Read one comparison with all results"),
)
@extend_schema(tags=["segments"])
class ComparisonViewSet(ListMixin, RetrieveMixin):
    """Which segmentation to believe: agreement, stability, and what each explains later."""

    queryset = SegmentationComparison.objects.select_related("left", "right")
    serializer_class = ComparisonSerializer
    pagination_class = CursorPagination
    lookup_value_regex = KEY
    default_ordering = ("-as_of", "-id")
    brief_fields = ("id", "left_kind", "right_kind", "as_of", "later_judged", "verdict")
    required_scopes = {
        "list": "segments:read",
        "retrieve": "segments:read",
        "create": "segments:write",
    }

    @extend_schema(
        summary="Compare segmentations",
        request=CompareSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Compare two of one day, or (with an empty body) the current ones with the RFM map."""
        values = self.checked(CompareSerializer(data=request.data))
        return started(request, "compare_segmentations", values)
